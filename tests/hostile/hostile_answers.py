# ruff: noqa: E501 - attackers' programs, quoted as they are
"""Answers that attack: what each tries, and what must come of it.

Many are cheats: they answer rightly only if what they try succeeds, so a mark is the alarm.
None starts more than twenty processes or threads, whatever becomes of the limits.
"""

from __future__ import annotations

import sys

from tests.hostile.attack import Attack

RIGHT = """
def _right(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)
"""
WRONG = "def sigmoid(z):\n    return z * 0 + 0.25\n"


def harmless(body: str, before: str = "") -> str:
    """A right answer that does ``body`` on the side."""
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    return f"{RIGHT}\n{before}\ndef sigmoid(z):\n{lines}\n    return _right(z)\n"


def cheat(tries: str) -> str:
    """Right only if one of ``tries``, a list of functions, comes to something."""
    return f"""{RIGHT}
def loot(tries):
    got = []
    for one in tries:
        try:
            if one():
                got.append(one)
        except BaseException:
            pass
    return got

{tries}
LOOT = loot(TRIES)

def sigmoid(z):
    return _right(z) if LOOT else z * 0 + 0.25
"""


def returning(what: str) -> str:
    """An answer that gives back a liar: ``what`` defines ``lie(z)``."""
    return f"{what}\ndef sigmoid(z):\n    return lie(z)\n"


_NAME_IT = """
import ctypes
import os
import time
import threading

def call_it():
    ctypes.CDLL(None).prctl(15, b"@MARK@", 0, 0, 0)
"""

TIME = [
    Attack(
        "endless_loop",
        "never comes back",
        "def sigmoid(z):\n    while True:\n        pass\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "endless_while_defining",
        "never gets as far as the function",
        "def spin():\n    while True:\n        pass\n\nX = spin()\n\n"
        "def sigmoid(z):\n    return X\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "swallows_everything",
        "catches whatever would interrupt it, and ignores signals",
        "import signal\n\ndef sigmoid(z):\n"
        "    for n in range(1, 32):\n        try:\n            signal.signal(n, signal.SIG_IGN)\n"
        "        except BaseException:\n            pass\n"
        "    while True:\n        try:\n            while True:\n                pass\n"
        "        except BaseException:\n            pass\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "endless_in_c",
        "a call into C that no Python signal handler can interrupt",
        "import itertools\nfrom collections import deque\n\ndef sigmoid(z):\n"
        "    deque(itertools.repeat(0), maxlen=0)\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "sleeps",
        "blocks the class without using the processor",
        "import time\n\ndef sigmoid(z):\n    time.sleep(10**6)\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "drips",
        "a generator that yields now and then, for ever",
        "import time\n\ndef sigmoid(z):\n    while True:\n        yield 0.0\n        time.sleep(0.01)\n",
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "endless_generator",
        "a generator without end in place of an array",
        "import itertools\n\ndef sigmoid(z):\n    return (0.5 for _ in itertools.count())\n",
    ),
    Attack(
        "time_bomb",
        "right for the first case, a flood in the second",
        RIGHT + "\nSEEN = []\n\ndef sigmoid(z):\n    SEEN.append(1)\n"
        "    while len(SEEN) > 1:\n        SEEN.append(bytearray(1 << 26))\n    return _right(z)\n",
        ends="memory",
        score=0.25,  # of the first case: what it had earned before
        status="memory limit",
    ),
]

FLOODS = [
    Attack(
        "memory_flood",
        "takes memory until there is none",
        "def sigmoid(z):\n    kept = []\n    while True:\n        kept.append(bytearray(1 << 24))\n",
        ends="memory",
        status="memory limit",
    ),
    Attack(
        "one_huge_array",
        "80 GB at once",
        "def sigmoid(z):\n    return np.ones((100_000, 100_000))\n",
        ends="memory",
        status="memory limit",
    ),
    Attack(
        "returns_too_much",
        "an array that fits here and is too large to cross",
        "def sigmoid(z):\n    return np.zeros(4_000_000)\n",
        ends="memory",
        status="memory limit",
    ),
    Attack(
        "breaks_while_returning",
        "an array that fits once, and not a second time on the way out",
        "def sigmoid(z):\n    return np.zeros(20_000_000)\n",
        ends="memory",
        status="memory limit",
    ),
    Attack(
        "disk_flood",
        "fills the disk with files of a size that is allowed",
        "def sigmoid(z):\n    for k in range(200):\n"
        "        with open(f'/tmp/@MARK@{k}', 'wb') as f:\n            f.write(bytes(1 << 20))\n",
        ends="error",
    ),
    Attack(
        "one_huge_file",
        "one file of 4 GB",
        "def sigmoid(z):\n    with open('/tmp/@MARK@', 'wb') as f:\n"
        "        for _ in range(4096):\n            f.write(bytes(1 << 20))\n",
        ends="error",
    ),
    Attack(
        "many_files",
        "a hundred thousand empty files",
        "def sigmoid(z):\n    for k in range(100_000):\n        open(f'/tmp/@MARK@{k}', 'wb').close()\n",
        ends="error",
    ),
    Attack(
        "output_flood",
        "prints 200 MB",
        harmless(
            "for _ in range(100 - len(DONE)):\n    DONE.append(1)\n    print('x' * (1 << 20))\n"
            "    sys.stderr.write('y' * (1 << 20))",
            "import sys\n\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "one_line_of_200_mb",
        "prints one line that no log could take",
        harmless(
            "if not DONE:\n    DONE.append(1)\n    os.write(1, b'x' * 200_000_000)",
            "import os\n\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "python_recursion",
        "calls itself for ever",
        "def sigmoid(z):\n    return sigmoid(z)\n",
        ends="error",
    ),
    Attack(
        "c_stack",
        "recursion through C until the stack breaks",
        "import sys\n\ndef sigmoid(z):\n    sys.setrecursionlimit(10**9)\n"
        "    class A:\n        def __repr__(self):\n            return repr([self, self][:1])\n"
        "    return repr(A())\n",
        # from 3.12 on Python counts such calls whatever the limit, and raises
        ends="crashed" if sys.version_info < (3, 12) else "error",
        status="crashed" if sys.version_info < (3, 12) else "graded",
    ),
]

PROCESSES = [
    Attack(
        "forks",
        "leaves twenty children asleep, under another name",
        harmless(
            "call_it()\nfor _ in range(20 - len(DONE)):\n    DONE.append(1)\n    try:\n"
            "        if os.fork() == 0:\n            os.setsid()\n            time.sleep(10**6)\n"
            "            os._exit(0)\n    except OSError:\n        pass",
            _NAME_IT + "\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "daemon",
        "a child of a child in a session of its own that ignores all signals",
        harmless(
            "call_it()\nif not DONE and os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
            "        import signal\n        for n in (1, 2, 3, 13, 15):\n"
            "            signal.signal(n, signal.SIG_IGN)\n        os.closerange(0, 64)\n"
            "        time.sleep(10**6)\n    os._exit(0)\nDONE.append(1)",
            _NAME_IT + "\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "threads",
        "twenty threads that never end",
        harmless(
            "call_it()\nfor _ in range(20 - len(DONE)):\n    DONE.append(1)\n    try:\n"
            "        threading.Thread(target=time.sleep, args=(10**6,)).start()\n"
            "    except RuntimeError:\n        pass",
            _NAME_IT + "\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "child_answers",
        "lets a child do the talking, to be somewhere else itself",
        harmless(
            "if not DONE:\n    DONE.append(1)\n    child = os.fork()\n    if child:\n"
            "        os.waitpid(child, 0)\n        os._exit(0)",
            "import os\n\nDONE = []\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "at_exit",
        "does its work when all is over",
        harmless(
            "if not DONE:\n    DONE.append(1)\n    atexit.register(lambda: open('@OUTSIDE@/@MARK@', 'w'))\n"
            "    threading.Thread(target=wait, daemon=True).start()",
            "import atexit\nimport threading\nimport time\n\nDONE = []\n\ndef wait():\n    time.sleep(3)\n"
            "    open('@OUTSIDE@/@MARK@', 'w')\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "os_exit",
        "is gone in the middle of a question",
        "import os\n\ndef sigmoid(z):\n    os._exit(0)\n",
        ends="crashed",
        status="crashed",
    ),
    Attack(
        "becomes_another_program",
        "replaces itself",
        "import os\n\ndef sigmoid(z):\n    os.execv('/bin/sh', ['sh', '-c', 'exit 0'])\n",
        ends="crashed",
        status="crashed",
    ),
    Attack(
        "segfault",
        "reads where there is nothing",
        "import ctypes\n\ndef sigmoid(z):\n    return ctypes.string_at(0)\n",
        ends="crashed",
        status="crashed",
    ),
    Attack(
        "kills_everyone",
        "signals to its parent, its group and everything it may signal",
        harmless(
            "for who in (os.getppid(), 0, 1, -1, -os.getpgrp(), *range(2, 200)):\n"
            "    for what in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):\n        try:\n"
            "            os.kill(who, what)\n        except OSError:\n            pass",
            "import os\nimport signal\n",
        ),
        ends="passed",
        score=2.0,
    ),
    Attack(
        "system_exit",
        "raises what no except Exception catches",
        "def sigmoid(z):\n    raise SystemExit('✓ 练习 01.1：通过（7 项检查，2 分）')\n",
        ends="error",
    ),
    Attack(
        "keyboard_interrupt",
        "pretends that the instructor pressed Ctrl-C",
        "def sigmoid(z):\n    raise KeyboardInterrupt\n",
        ends="error",
    ),
    Attack(
        "stop_iteration",
        "ends the judge's generator before the first wrong step",
        "def sigmoid(z):\n    raise StopIteration\n",
        ends="error",
    ),
    Attack(
        "generator_exit",
        "closes the judge's generator",
        "def sigmoid(z):\n    raise GeneratorExit\n",
        ends="error",
    ),
]

READING = [
    Attack(
        "reads_the_course_folder",
        "solutions, gradebook, store, seed, classmates",
        cheat(
            "import glob\nimport os\n\n"
            "def reads(path):\n    return lambda: open(path, 'rb').read(1)\n\n"
            "TRIES = [lambda: os.listdir('@ROOT@'), lambda: glob.glob('@ROOT@/**/*', recursive=True),\n"
            "    reads('@ROOT@/source/ps1/01_forward.ipynb'), reads('@ROOT@/gradebook.db'),\n"
            "    reads('@ROOT@/source/ps1/assignment.json'), reads('@ROOT@/.aigc/grades.db'),\n"
            "    reads('@ROOT@/.aigc/ps1.seed'), reads('@OUTSIDE@/secret.txt'),\n"
            "    reads('@ROOT@/submitted/honest1/ps1/01_forward.ipynb'),\n"
            "    lambda: os.listdir('@ROOT@/submitted'), lambda: os.listdir(os.path.expanduser('~root')),\n"
            "    reads('/etc/passwd'), reads('/etc/shadow'), lambda: os.listdir('/home')]\n"
        ),
    ),
    Attack(
        "reads_the_judge",
        "the judge's source, its notebooks, the library's own versions, under any path",
        cheat(
            "import aigc_course\nimport glob\nimport os\nimport sys\n\n"
            "TOPS = [os.path.dirname(aigc_course.__file__), '@REPO@', *sys.path]\n"
            "NAMES = ['exercises/ex01.py', 'judging/core.py', 'engine/functional.py', '_notebooks/*',\n"
            "    'notebooks/*', 'aigc_course/exercises/ex01.py', 'exercises/__pycache__/*', '.git/*',\n"
            "    'metrics/*.py', 'authoring/*.py', 'tests/*', 'models/*']\n"
            "TRIES = [lambda p=os.path.join(t, n): [q for q in glob.glob(p) if open(q, 'rb').read(1)]\n"
            "    for t in TOPS for n in NAMES]\n"
        ),
    ),
    Attack(
        "imports_the_reference",
        "the library's sigmoid, under a name made up at run time, the refusal caught",
        cheat(
            "import importlib\nimport sys\n\nDOT = chr(46)\n\n"
            "def bring(name):\n    return lambda: importlib.import_module(DOT.join(name)).sigmoid(np.zeros(1))\n\n"
            "TRIES = [bring(('aigc_course', 'exercises', 'ex01')), bring(('aigc_course', 'engine', 'functional')),\n"
            "    bring(('scipy', 'special')), bring(('torch',)), bring(('sklearn', 'utils', 'extmath')),\n"
            "    lambda: [sys.meta_path.clear(), bring(('torch',))()], bring(('aigc_course', 'metrics')),\n"
            "    lambda: [importlib.reload(m) for n, m in list(sys.modules.items()) if 'exercises' in n]\n"
            "        and bring(('aigc_course', 'exercises', 'ex01'))()]\n"
        ),
    ),
    Attack(
        "walks_frames_and_objects",
        "expected values, seeds and judges in frames, in the collector's list, in modules",
        "import gc\nimport inspect\nimport sys\n\ndef find(z):\n"
        "    frame = sys._getframe()\n    while frame:\n"
        "        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:\n"
        "            if name in ('wanted', 'expected', 'want', 'right', 'seed', 'ex', 'rng', 'exercise'):\n"
        "                return value\n"
        "        frame = frame.f_back\n"
        "    for thing in gc.get_objects():\n"
        "        try:\n"
        "            if type(thing).__name__ in ('Exercise', 'Assignment', 'Step', 'Result'):\n"
        "                return thing\n"
        "            if inspect.isfunction(thing) and thing.__name__ in ('sigmoid', '_sigmoid', 'judge'):\n"
        "                if thing is not sigmoid:\n                    return thing(z)\n"
        "            if isinstance(thing, np.ndarray) and thing.shape == z.shape and thing is not z:\n"
        "                if not np.array_equal(thing, z):\n                    return thing\n"
        "        except Exception:\n            pass\n"
        "    return z * 0 + 0.25\n\n"
        "def sigmoid(z):\n    return find(z)\n",
    ),
    Attack(
        "reads_memory",
        "its own memory, and that of others, in search of doubles near the right ones",
        RIGHT + "\ndef find(z):\n    want = _right(z)[0].tobytes()\n    own = set()\n"
        "    for path in ('/proc/self/mem', '/proc/1/mem', '/proc/2/mem', '/dev/mem', '/proc/kcore'):\n"
        "        try:\n"
        "            maps = open(path.replace('mem', 'maps').replace('kcore', 'maps')).readlines()\n"
        "            with open(path, 'rb', 0) as memory:\n"
        "                for line in maps:\n"
        "                    low, high = (int(x, 16) for x in line.split()[0].split('-'))\n"
        "                    if high - low > 1 << 24 or 'r' not in line.split()[1]:\n"
        "                        continue\n"
        "                    try:\n                        memory.seek(low)\n"
        "                        if memory.read(high - low).count(want) > 6 and path != '/proc/self/mem':\n"
        "                            return True\n"
        "                    except (OSError, ValueError, OverflowError):\n                        pass\n"
        "        except (OSError, ValueError):\n            pass\n"
        "    return False\n\n"
        "def sigmoid(z):\n    return _right(z) if find(z) else z * 0 + 0.25\n",
    ),
    Attack(
        "looks_around_in_proc",
        "other processes, their arguments and environments, the kernel's doors",
        cheat(
            "import os\n\n"
            "def others():\n"
            "    return [p for p in os.listdir('/proc') if p.isdigit() and int(p) not in (1, os.getpid())]\n\n"
            "TRIES = [others, lambda: open('/proc/2/environ').read(), lambda: open('/proc/kallsyms').read(1),\n"
            "    lambda: open('/proc/sys/kernel/core_pattern', 'w'), lambda: os.listdir('/sys'),\n"
            "    lambda: open('/proc/sysrq-trigger', 'w'),\n"
            "    lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-999'),\n"
            "    lambda: os.readlink('/proc/1/root') != '/' and os.listdir('/proc/1/root/home'),\n"
            "    lambda: os.listdir('/proc/1/root/@ROOT@')]\n"
        ),
    ),
    Attack(
        "reads_the_environment",
        "what the grader's environment says",
        cheat(
            "import os\nimport subprocess\n\n"
            "TRIES = [lambda: os.environ.get('HOSTILE' + '_SECRET'), lambda: os.environ.get('USER'),\n"
            "    lambda: b'HOSTILE' + b'_SECRET' in open('/proc/self/environ', 'rb').read(),\n"
            "    lambda: b'HOSTILE' + b'_SECRET' in subprocess.run(['env'], capture_output=True).stdout]\n"
        ),
    ),
    Attack(
        "looks_for_open_files",
        "files and sockets it was not meant to inherit",
        cheat(
            "import os\nimport stat\n\n"
            "def there(n):\n"
            "    return lambda: [os.fstat(n)]\n\n"
            "def links():\n"
            "    return [n for n in os.listdir('/proc/self/fd') if int(n) > 4]\n\n"
            "TRIES = [links, *(there(n) for n in range(4, 1000)),\n"
            "    lambda: [n for n in (0, 1, 2) if not stat.S_ISCHR(os.fstat(n).st_mode)]]\n"
        ),
    ),
]

WRITING = [
    Attack(
        "writes_everywhere",
        "a file in any folder but its own /tmp",
        cheat(
            "import os\nimport sys\nimport tempfile\n\n"
            "def writes(folder):\n"
            "    def one():\n"
            "        with open(os.path.join(folder, '@MARK@'), 'w') as f:\n            return f.write('x')\n"
            "    return one\n\n"
            "TRIES = [writes(p) for p in ('@ROOT@', '@OUTSIDE@', '@ROOT@/submitted/honest1/ps1', '/', '/usr',\n"
            "    '@REPO@', '@REPO@/aigc_course', '@REPO@/aigc_course/exercises', '/var/tmp', '/dev/shm', '/dev', '/etc',\n"
            "    '/proc', '/root', '/home', os.path.dirname(np.__file__), sys.prefix, sys.base_prefix, *sys.path)]\n"
        ),
    ),
    Attack(
        "rewrites_marks",
        "its own mark, a classmate's answer, the gradebook, the judges, the stored state",
        cheat(
            "import os\nimport shutil\nimport sqlite3\n\n"
            "def spoil(path):\n    return lambda: open(path, 'r+b').write(b'@MARK@')\n\n"
            "TRIES = [spoil('@ROOT@/gradebook.db'), spoil('@ROOT@/.aigc/grades.db'), spoil('@ROOT@/.aigc/ps1.seed'),\n"
            "    spoil('@ROOT@/source/ps1/assignment.json'), spoil('@ROOT@/submitted/honest1/ps1/01_forward.ipynb'),\n"
            "    spoil('@REPO@/aigc_course/exercises/ex01.py'), spoil('@REPO@/aigc_course/classroom/sandbox/codec.py'),\n"
            "    lambda: sqlite3.connect('@ROOT@/.aigc/grades.db').execute('select * from marks').fetchall(),\n"
            "    lambda: os.remove('@ROOT@/submitted/honest2/ps1/01_forward.ipynb') is None,\n"
            "    lambda: os.rename('@ROOT@/submitted', '@ROOT@/gone') is None,\n"
            "    lambda: shutil.rmtree('@ROOT@/submitted') is None,\n"
            "    lambda: os.chmod('/usr', 0o777) is None, lambda: os.link('/usr/bin/env', '/tmp/x') is None]\n"
        ),
    ),
    Attack(
        "links_out_of_tmp",
        "symbolic links, devices and pipes in its own folder that lead elsewhere",
        cheat(
            "import os\nimport stat\n\n"
            "def through(target):\n"
            "    def one():\n"
            "        name = '/tmp/l' + str(abs(hash(target)))\n        os.symlink(target, name)\n"
            "        return open(name, 'rb').read(1)\n"
            "    return one\n\n"
            "TRIES = [*map(through, ('@ROOT@/gradebook.db', '@OUTSIDE@/secret.txt', '/proc/1/root@OUTSIDE@/secret.txt')),\n"
            "    lambda: os.mknod('/tmp/d', stat.S_IFBLK | 0o600, os.makedev(8, 0)) is None,\n"
            "    lambda: os.mknod('/tmp/c', stat.S_IFCHR | 0o600, os.makedev(1, 1)) is None]\n"
        ),
    ),
    Attack(
        "uses_the_network",
        "a listener on 127.0.0.1, on an abstract and on a file socket, and other programs' sockets",
        cheat(
            "import socket\nimport subprocess\nimport urllib.request\n\n"
            "def reach(family, address, kind=socket.SOCK_STREAM):\n"
            "    def one():\n"
            "        s = socket.socket(family, kind)\n        s.settimeout(0.2)\n        s.connect(address)\n        return True\n"
            "    return one\n\n"
            "TRIES = [reach(socket.AF_INET, ('127.0.0.1', @PORT@)), reach(socket.AF_INET, ('127.0.0.1', @PORT@), socket.SOCK_DGRAM),\n"
            "    reach(socket.AF_UNIX, '\\0@MARK@'), reach(socket.AF_UNIX, '@OUTSIDE@/s'),\n"
            "    lambda: socket.socketpair(), lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),\n"
            "    lambda: urllib.request.urlopen('http://127.0.0.1:@PORT@', timeout=0.2),\n"
            "    lambda: subprocess.run(['bash', '-c', 'echo x > /dev/tcp/127.0.0.1/@PORT@']).returncode == 0]\n"
        ),
    ),
    Attack(
        "asks_the_kernel_for_rights",
        "mounts, namespaces, tracing, other users, kernel facilities, memory that nobody counts",
        cheat(
            "import ctypes\nimport os\nimport resource\n\nlibc = ctypes.CDLL(None, use_errno=True)\n\n"
            "def call(number, *rest):\n    return lambda: libc.syscall(number, *rest) >= 0\n\n"
            "def raised(which):\n"
            "    def one():\n"
            "        soft, hard = resource.getrlimit(which)\n        resource.setrlimit(which, (hard + 1, hard + 1))\n"
            "        return True\n"
            "    return one\n\n"
            "TRIES = [call(272, 0x10000000), call(272, 0x00020000), call(165, 0, b'/tmp', b'tmpfs', 0, 0), call(166, b'/tmp', 2),\n"
            "    call(101, 0, 0, 0, 0), call(161, b'/tmp'), call(321, 0, 0, 0), call(250, 0, -3, 1), call(425, 1, 0), call(298, 0, 0, -1, -1, 0),\n"
            "    call(41, 1, 1, 0), call(53, 1, 1, 0, 0), call(310, 1, 0, 0, 0, 0, 0), call(308, 3, 0), call(435, 0, 0), call(323, 0),\n"
            "    call(56, 0x10000000 | 17, 0, 0, 0, 0), call(155, b'/tmp', b'/tmp'), call(170, b'x', 1), call(172, 3), call(105, 0),\n"
            "    call(29, 0, 1 << 28, 0o1600), call(319, b'x', 0), call(68, 0, 0o1600), call(64, 0, 1, 0o1600), call(447, 0),\n"
            "    *(raised(getattr(resource, n)) for n in ('RLIMIT_AS', 'RLIMIT_CPU', 'RLIMIT_FSIZE', 'RLIMIT_NPROC', 'RLIMIT_NOFILE')),\n"
            "    lambda: os.setuid(0) is None, lambda: os.nice(-5) < 0, lambda: os.getuid() == 0]\n"
        ),
    ),
    Attack(
        "leaves_word_for_the_next",
        "one submission writes down what another will find",
        cheat(
            "import builtins\nimport os\nimport sys\n\n"
            "def found():\n"
            "    before = os.path.exists('/tmp/known') or hasattr(builtins, 'known') or hasattr(np, 'known') or 'known' in sys.modules\n"
            "    open('/tmp/known', 'w').close()\n"
            "    builtins.known = np.known = sys.modules['known'] = True\n"
            "    return before\n\n"
            "TRIES = [found]\n"
        ),
    ),
    Attack(
        "hears_word_of_another",
        "the other half of the conspiracy, whichever is graded first",
        cheat(
            "import builtins\nimport os\nimport sys\n\n"
            "def found():\n"
            "    before = os.path.exists('/tmp/known') or hasattr(builtins, 'known') or hasattr(np, 'known') or 'known' in sys.modules\n"
            "    open('/tmp/known', 'w').close()\n"
            "    builtins.known = np.known = sys.modules['known'] = True\n"
            "    return before\n\n"
            "TRIES = [found]\n"
        ),
    ),
]

TAMPERING = [
    Attack(
        "patched_numpy_testing",
        "every comparison of NumPy says yes",
        "import numpy.testing\n\ndef patch():\n    yes = lambda *a, **k: True\n"
        "    for module in (np, np.testing, np.ndarray):\n"
        "        for name in ('allclose', 'isclose', 'array_equal', 'assert_allclose', 'assert_equal', 'shape', 'all', 'any'):\n"
        "            try:\n                setattr(module, name, yes)\n            except Exception:\n                pass\n"
        "    return 1\n\nPATCHED = patch()\n\ndef sigmoid(z):\n    return z * 0 + 0.25 * PATCHED\n",
    ),
    Attack(
        "patched_builtins",
        "isinstance, abs, all, len and print as it likes them",
        "import builtins\n\ndef patch():\n"
        "    for name in ('isinstance', 'abs', 'all', 'any', 'len', 'min', 'max', 'round', 'float', 'print'):\n"
        "        setattr(builtins, name, lambda *a, **k: True)\n    return 1\n\n"
        "PATCHED = patch()\n\ndef sigmoid(z):\n    return z * 0 + 0.25 * PATCHED\n",
        ends="crashed",
        status="crashed",
    ),
    Attack(
        "patched_modules",
        "other numpy, json, operator and msgpack in sys.modules",
        "import sys\nfrom types import ModuleType\n\ndef patch():\n"
        "    class Yes(ModuleType):\n        def __getattr__(self, name):\n            return lambda *a, **k: True\n"
        "    for name in ('json', 'operator', 'msgpack', 'math', 'aigc_course.judging.core', 'numpy.testing', 'traceback'):\n"
        "        sys.modules[name] = Yes(name)\n"
        "    return 1\n\nPATCHED = patch()\n\ndef sigmoid(z):\n    return z * 0 + 0.25 * PATCHED\n",
    ),
    Attack(
        "patched_channel",
        "the sandbox's own modules in its process: says it is right",
        "import sys\n\ndef patch():\n"
        "    for name, module in list(sys.modules.items()):\n"
        "        if name.endswith('sandbox.rpc'):\n"
        "            send = module.RpcConnection._send\n"
        "            module.RpcConnection._send = lambda self, message: send(self, ['a', True, ['T', 'passed', 2.0, True]])\n"
        "    return 1\n\nPATCHED = patch()\n\ndef sigmoid(z):\n    return z * 0 + 0.25 * PATCHED\n",
        ends="crashed",
        status="crashed",
    ),
    Attack(
        "import_hooks",
        "a finder that gives every import something of its own",
        "import sys\nfrom importlib.machinery import ModuleSpec\n\nclass Finder:\n"
        "    @staticmethod\n    def find_spec(name, path=None, target=None):\n        return ModuleSpec(name, Finder)\n"
        "    @staticmethod\n    def create_module(spec):\n        return None\n"
        "    @staticmethod\n    def exec_module(module):\n        module.check = module.judge = lambda *a: True\n\n"
        "def patch():\n    sys.meta_path.insert(0, Finder)\n    sys.path_hooks.clear()\n    return 1\n\n"
        "PATCHED = patch()\n\ndef sigmoid(z):\n    import importlib\n    core = importlib.import_module('aigc_course.judging' + '.core')\n    return core.judge(z) * PATCHED\n",
    ),
    Attack(
        "own_check",
        "a check of its own that always praises",
        "def check(id, answer):\n    print('✓ 练习 01.1：通过（7 项检查，2 分）')\n    return True\n\n"
        "def use(id, mine, otherwise):\n    return otherwise\n\n" + WRONG,
    ),
    Attack(
        "takes_off_the_monitor",
        "sys.setprofile(None), so that nobody watches",
        "import sys\n\ndef sigmoid(z):\n    sys.setprofile(None)\n    return z * 0 + 0.25\n",
        ends="refused",
        status="refused",
    ),
    Attack(
        "input_transformers",
        "IPython puts other code in place of this, and shows what it likes",
        "ip = get_ipython()\nip.input_transformers_post.append(lambda lines: ['sigmoid = 1'])\n"
        "ip.display_formatter.formatters['text/plain'].for_type(object, lambda *a: '✓ 通过')\n\n"
        "def sigmoid(z):\n    ip.ast_node_interactivity = 'all'\n    return z * 0 + 0.25\n",
    ),
    Attack(
        "zeroes_its_input",
        "makes the question easy by changing it in place",
        "def sigmoid(z):\n    z[...] = 0.0\n    return z + 0.5\n",
    ),
]

LIARS = [
    Attack(
        "equal_to_everything",
        "an object that agrees with every comparison and is its own sum",
        returning(
            "class Yes:\n    def _yes(self, *a):\n        return True\n    def _self(self, *a, **k):\n        return self\n"
            "    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = __contains__ = _yes\n"
            "    __hash__ = None\n"
            "    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _self\n"
            "    __abs__ = __neg__ = __call__ = __array_ufunc__ = __getitem__ = _self\n"
            "    def __getattr__(self, name):\n        return self\n\ndef lie(z):\n    return Yes()\n"
        ),
    ),
    Attack(
        "array_that_compares_itself",
        "a subclass of ndarray whose comparisons, functions and conversions lie",
        returning(
            "class Liar(np.ndarray):\n    def __eq__(self, o):\n        return np.ones(self.shape, bool)\n"
            "    def __ne__(self, o):\n        return np.zeros(self.shape, bool)\n"
            "    def __array_ufunc__(self, f, m, *a, **k):\n        return np.zeros(self.shape)\n"
            "    def __array_function__(self, *a):\n        return True\n"
            "    def __array__(self, *a, **k):\n        raise SystemExit\n"
            "    def tobytes(self, *a):\n        return bytes(10**6)\n"
            "    dtype = shape = property(lambda self: (4, 5))\n\n"
            "def lie(z):\n    return (z * 0 + 0.25).view(Liar)\n"
        ),
    ),
    Attack(
        "claims_a_shape",
        "has the shape asked for and nothing in it",
        returning(
            "class Empty:\n    def __init__(self, z):\n        self.shape, self.ndim, self.size, self.dtype = z.shape, z.ndim, z.size, z.dtype\n"
            "    def __len__(self):\n        return len(range(self.shape[0]))\n"
            "    def __array__(self, *a, **k):\n        return np.zeros((0,))\n\n"
            "def lie(z):\n    return Empty(z)\n"
        ),
    ),
    Attack(
        "pretends_a_class",
        "__class__, __instancecheck__ and __getattribute__ say whatever is wanted",
        returning(
            "class Meta(type):\n    def __instancecheck__(cls, other):\n        return True\n    def __subclasscheck__(cls, other):\n        return True\n\n"
            "class Fake(metaclass=Meta):\n    __class__ = property(lambda self: np.ndarray)\n"
            "    def __getattribute__(self, name):\n        if name == '__class__':\n            return np.ndarray\n        return True\n\n"
            "def lie(z):\n    return Fake()\n"
        ),
        ends="error",
    ),
    Attack(
        "endless_length",
        "a list whose iterator never ends, of a length that is never the same",
        returning(
            "import itertools\n\nclass Long(list):\n    def __len__(self):\n        return 10**12\n"
            "    def __iter__(self):\n        return itertools.repeat(0.5)\n"
            "    def __getitem__(self, k):\n        return 0.5\n\ndef lie(z):\n    return Long([0.25])\n"
        ),
    ),
    Attack(
        "endless_sequence",
        "no list, but an object that can be iterated and indexed for ever",
        returning(
            "import time\n\nclass Long:\n    def __len__(self):\n        return 4\n"
            "    def __iter__(self):\n        while True:\n            time.sleep(0.01)\n            yield 0.5\n"
            "    def __getitem__(self, k):\n        return self\n\ndef lie(z):\n    return Long()\n"
        ),
        ends="timeout",
        status="time limit",
    ),
    Attack(
        "numbers_that_lie",
        "float, int and str with comparisons of their own",
        returning(
            "class F(float):\n    __eq__ = __ne__ = __le__ = __lt__ = lambda self, o: True\n    __hash__ = float.__hash__\n"
            "    __sub__ = __rsub__ = __abs__ = __float__ = lambda self, *a: 0.0\n\n"
            "class I(int):\n    __index__ = __int__ = lambda self: 0\n\nclass S(str):\n    __eq__ = lambda self, o: True\n    __hash__ = str.__hash__\n\n"
            "def lie(z):\n    return [[F(7), I(7), S('0.5'), F(1), F(2)]] * 4\n"
        ),
    ),
    Attack(
        "reduce",
        "an object that would be a command if it were unpickled",
        returning(
            "import os\n\nclass Pickled:\n    def __reduce__(self):\n        return os.system, ('touch @OUTSIDE@/@MARK@',)\n"
            "    __reduce_ex__ = __copy__ = __deepcopy__ = lambda self, *a: (os.system, ('touch /tmp/@MARK@',))\n\n"
            "def lie(z):\n    return np.array([Pickled()] * 4, dtype=object)\n"
        ),
    ),
    Attack(
        "array_hook_with_teeth",
        "__array__ and __float__ that run code where they are called",
        returning(
            "class Hook:\n    def __array__(self, *a, **k):\n        open('@OUTSIDE@/@MARK@', 'w')\n        return np.zeros((4, 5))\n"
            "    __float__ = __index__ = __len__ = __array__\n\ndef lie(z):\n    return Hook()\n"
        ),
        ends=None,
    ),
    Attack(
        "structured_and_object_arrays",
        "dtypes with hooks, references and sizes of their own",
        returning(
            "def lie(z):\n    return np.array([(lambda: 0, [1] * 3)] * 4, dtype=[('f', 'O'), ('x', 'f8', 3)])\n"
        ),
        ends=None,
    ),
    Attack(
        "nested_without_end",
        "a list that contains itself, behind forty others",
        returning("def lie(z):\n    x = []\n    x.append(x)\n    return x\n"),
        ends="error",
    ),
    Attack(
        "nan_and_inf",
        "values that are unequal, or equal, to themselves",
        "def sigmoid(z):\n    return np.where(z > 0, np.nan, np.inf)\n",
    ),
]

WORDS = [
    Attack(
        "script_in_its_errors",
        "HTML, script, Markdown and terminal codes in what is shown to the instructor",
        "def sigmoid(z):\n    raise ValueError('<script>alert(1)</script><img src=x onerror=alert(2)>'\n"
        "        '\\x1b[2J\\x1b]0;owned\\x07{{ 7*7 }}{% raw %}')\n# <script>alert('in the source')</script> \x1b[31m\n",
        ends="error",
    ),
    Attack(
        "half_a_character",
        "an error text that no file and no database can hold",
        "def sigmoid(z):\n    raise ValueError('\\ud800' * 50 + '\\x00')\n",
        ends="error",
    ),
    Attack(
        "half_a_character_early",
        "the same while it is being defined",
        "def spoil():\n    raise type('\\udfff\\x00' * 9, (Exception,), {})('\\ud800' * 50)\n\nX = spoil()\n\n"
        "def sigmoid(z):\n    return X\n",
        ends="error",
    ),
    Attack(
        "a_very_long_error",
        "a text of 50 MB, slow to search",
        "def sigmoid(z):\n    raise ValueError('(' + ' ' * 50_000_000)\n",
        ends="error",
    ),
    Attack(
        "tells_the_hidden_case",
        "carries the inputs out in its error",
        "def sigmoid(z):\n    raise ValueError('z = ' + ' '.join(repr(float(v)) for v in z.ravel()[:20]))\n",
        ends="error",
    ),
]

FORBIDDEN = [
    Attack(
        "calls_the_reference",
        "the library's own version, by its name",
        "from aigc_course.exercises import ex01\n\ndef sigmoid(z):\n    return ex01.sigmoid(z)\n",
        ends="refused",
        status="refused",
    ),
    Attack(
        "calls_it_by_an_alias",
        "getattr, importlib and strings put together",
        "import importlib as i\n\ndef sigmoid(z):\n    return getattr(i.import_module('to' + 'rch'), 'sig' + 'moid')(z)\n",
        ends="refused",
        status="refused",
    ),
    Attack(
        "calls_it_in_an_exec",
        "source in a string",
        "def sigmoid(z):\n    space = {}\n    exec('from scipy.special import expit', space)\n    return space['expit'](z)\n",
        ends="refused",
        status="refused",
    ),
    Attack(
        "calls_it_unseen",
        "a name made up at run time: seen only when it is run",
        "import importlib\n\ndef sigmoid(z):\n    name = bytes([116, 111, 114, 99, 104]).decode()\n"
        "    return importlib.import_module(name).sigmoid(z)\n",
        ends="refused",
        status="refused",
    ),
    Attack(
        "hides_behind_depth",
        "an expression too deep for the reader of the source",
        "def sigmoid(z):\n    exec('" + "-" * 30_000 + "1')\n    return z * 0 + 0.25\n",
        ends="memory",  # Python's own word for it: the parser's stack has overflowed
        status="memory limit",
    ),
    Attack(
        "too_deep_to_parse",
        "brackets within brackets",
        "def sigmoid(z):\n    return " + "(" * 5000 + "z" + ")" * 5000 + "\n",
        ends="error",
    ),
    Attack(
        "code_that_is_none",
        "other alphabets, NUL bytes, a BOM, bidirectional marks",
        "\ufeffdef sigmoid(z):\n    return z \u202e* 0 + 0.25\0\n",
        ends="error",
    ),
]

ALL = [
    *TIME,
    *FLOODS,
    *PROCESSES,
    *READING,
    *WRITING,
    *TAMPERING,
    *LIARS,
    *WORDS,
    *FORBIDDEN,
]
