# ruff: noqa: E501 - attackers' programs, quoted as they are
"""One answer against its judge: what is said over the channel, and what is left of a worker."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_course.classroom.sandbox import Limits, Sandbox, WorkerProcess
from aigc_course.classroom.sandbox import sandbox as sandbox_module
from aigc_course.data import data_root
from aigc_course.judging import core
from aigc_course.judging.core import Stopped
from aigc_course.policy import visible_parts
from tests.hostile.attack import children

pytestmark = [
    pytest.mark.timeout(120),  # only so that a hang is a failure
    pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available()),
]
PATIENT = Limits(seconds=60, memory_mib=256)  # for those who are to pass, on any machine
LIMITS = Limits(seconds=4, total_seconds=20, memory_mib=256, frame_mib=8, traffic_mib=24)

CHANNEL = """
import os, socket, struct, sys, threading, time
import msgpack
import numpy as np

def frame(message):
    data = message if isinstance(message, bytes) else msgpack.packb(message)
    return struct.pack('<I', len(data)) + data

def say(*messages):
    for message in messages:
        os.write(3, frame(message))

def answer(tree):
    say(['a', True, [tree, None]])

def right(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)

def array(a):
    return ['a', a.dtype.str, list(a.shape), a.tobytes()]
"""


@dataclass(frozen=True)
class Talk:
    """What an answer to 01.1 says over the channel instead of, or before, giving a value back."""

    name: str
    body: str
    status: str | tuple[str, ...]
    exercise: str = "01.1"


TALKS = [
    Talk("garbage", "os.write(3, b'\\xde\\xad\\xbe\\xef' * 100)", ("memory", "crashed")),
    Talk("a frame of 4 GB", "os.write(3, b'\\xff\\xff\\xff\\xff')", "memory"),
    Talk("half a frame", "os.write(3, b'\\x64\\0\\0\\0abc'); time.sleep(100)", "timeout"),
    Talk("half a frame, then gone", "os.write(3, b'\\x64\\0\\0\\0abc'); os._exit(0)", "crashed"),
    Talk("closes the channel", "os.close(3); time.sleep(100)", ("crashed", "timeout")),
    Talk("something else in its place", "os.dup2(os.open('/dev/null', 2), 3)", "crashed"),
    Talk("passed, it says", "say(['a', True, 'passed'])", "crashed"),
    Talk("points, it says", "say(['a', True, {'score': 204}])", "crashed"),
    Talk("a result, it says", "say(['a', True, ['T', 'passed', 2.0]])", "crashed"),
    Talk("not even a list", "say(b'\\xc3')", "crashed"),
    Talk(
        "an answer nobody asked for", "say(*[['a', True, [0.5, None]]] * 3)", ("failed", "crashed")
    ),
    Talk("NaN", "answer(array(np.full((4, 5), np.nan)))", "failed"),
    Talk("an array of objects", "answer(['a', 'O', [4, 5], bytes(160)])", "crashed"),
    Talk("a structured array", "answer(['a', '<f8,<f8', [20], bytes(320)])", "crashed"),
    Talk("a wrong dtype", "answer(['a', '<U4', [4, 5], bytes(320)])", "failed"),
    Talk("an array longer than its bytes", "answer(['a', '<f8', [10**9], bytes(8)])", "crashed"),
    Talk("an array of nothing, 10^17 times", "answer(['a', '<U0', [10**17], b''])", "crashed"),
    Talk("an array with a negative side", "answer(['a', '<f8', [-4, -5], bytes(160)])", "crashed"),
    Talk("lists within lists", "say(b'\\x91' * 100_000 + b'\\xc0')", "crashed"),
    Talk(
        "a million lists",
        "os.write(3, frame(b'\\xdd\\0\\x10\\0\\0' + b'\\x90' * (1 << 20)))",
        "crashed",
    ),
    Talk(
        "numbers made to collide",
        "answer(['s', *(['i', hex(k * (2**61 - 1))] for k in range(9, 60_000))])",
        "crashed",
    ),
    Talk("an object never handed out", "answer(['M', 1])", "crashed"),
    Talk("a node never handed out", "answer(['N', 0])", "crashed"),
    Talk("a graph for the judge to build", "answer(['G', 0, 0, ['d']])", "crashed"),
    Talk(
        "an object that is not there",
        "answer(['O', 10**6, ['x', True, False]])",
        ("failed", "crashed"),
    ),
    Talk("an object with no number", "answer(['O', 'x', 'y'])", "crashed"),
    Talk(
        "a question instead of an answer",
        "say(['q', 'call', 1, ['t'], ['d']])",
        ("crashed", "failed"),
    ),
    Talk(
        "questions that nobody answers",
        "say(['q', 'eval', '__import__(\"os\")'])",
        ("crashed", "failed"),
    ),
    Talk(
        "questions without end", "while True: say(['q', 'get', 1, 'data'])", ("crashed", "timeout")
    ),
    Talk("an error that is none", "say(['a', False, None, None, None])", "crashed"),
    Talk("the judge's own stop", "say(['a', False, 'Stopped', 'passed', []])", "error"),
    Talk("a base exception", "say(['a', False, 'SystemExit', '0', []])", "error"),
    Talk("a function's name for an error", "say(['a', False, 'eval', 'import os', []])", "error"),
    Talk(
        "an error of 4 MB",
        "say(['a', False, 'ValueError', '(' + ' ' * (4 << 20), [' ' * 9999] * 99])",
        "error",
    ),
    Talk(
        "more than may cross in all",
        "for k in range(40): say(['q', 'x', 1, bytes(1 << 20)])",
        ("memory", "crashed"),
    ),
    Talk(
        "a thread that talks while the judge does",
        "threading.Thread(target=lambda: [say(['a', True, [0.5, None]]) for _ in range(2000)]).start(); time.sleep(0.1)",
        ("crashed", "failed", "error"),
    ),
    Talk(
        "open files for the judge to keep",
        "s = socket.socket(fileno=os.dup(3)); r, w = os.pipe()\n"
        "    socket.send_fds(s, [frame(['a', True, [0.5, None]])], [r, w] * 8)",
        ("crashed", "failed", "error"),
    ),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(limits=LIMITS) as warm:
        yield warm


def judged(
    worker: WorkerProcess, source: str, name: str, exercise: str, seed: int = 3
) -> core.Result:
    try:
        answer = worker.answer([(source, "<答案>", 1)], name)
    except Stopped as stopped:
        return core.get(exercise).result(stopped.status, message=stopped.message)
    return core.judge(exercise, answer, seed=seed)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk.name)
def test_what_is_said_over_the_channel_earns_nothing(sandbox: Sandbox, talk: Talk):
    source = f"{CHANNEL}\ndef sigmoid(z):\n    {talk.body}\n    return z * 0 + 0.25\n"
    before = open_files()
    with sandbox.worker() as worker:
        result = judged(worker, source, "sigmoid", talk.exercise)
    statuses = (talk.status,) if isinstance(talk.status, str) else talk.status
    assert result.status in statuses, result
    assert result.score == 0
    assert open_files() == before
    with sandbox.worker(limits=PATIENT) as worker:  # and the next one is none the worse
        assert judged(worker, f"{CHANNEL}\nsigmoid = right", "sigmoid", "01.1").passed


def test_what_it_says_while_it_is_defined_earns_nothing(sandbox: Sandbox):
    for body, status in (
        ("say(['a', True, ['O', 1, ['f', True, False]]])", ("crashed", "error")),
        ("say(['a', True, ['M', 1]])", ("crashed",)),
        ("say(['a', True, ['a', '<f8', [9], b'']])", ("crashed",)),
        ("os.write(3, b'\\xff' * 4)", ("memory",)),
    ):
        with sandbox.worker() as worker:
            result = judged(worker, f"{CHANNEL}\n{body}\nsigmoid = 0.5\n", "sigmoid", "01.1")
        assert result.status in status and result.score == 0, (body, result)


# --- what the judge hands over -------------------------------------------------------------------

PROBE = """
import builtins
import numpy as np

def gradient_check(f, x, claimed, eps=1e-5):
    got = []
    for name in ('__globals__', '__code__', '__closure__', '__defaults__', '__self__', '__class__',
                 '__dict__', 'f_back', 'gi_frame', 'data', 'grad', '__func__', '__wrapped__'):
        try:
            thing = getattr(f, name)
        except AttributeError:
            continue
        if not (name == '__class__' and thing.__name__ == 'JudgeProxy') and name != '__dict__':
            got.append(thing)
    if got:
        return got[0]
    FIRST
"""
RIGHT_GRADIENT = """
    grad = np.zeros(np.shape(x))
    for k in np.ndindex(*np.shape(x)):
        up, down = x.copy(), x.copy()
        up[k] += eps
        down[k] -= eps
        grad[k] = (f(up) - f(down)) / (2 * eps)
    size = np.linalg.norm(claimed) + np.linalg.norm(grad)
    far = np.unravel_index(np.abs(claimed - grad).argmax(), grad.shape)
    return (np.linalg.norm(claimed - grad) / size if size else 0.0), far
"""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("return f", ("failed",)),
        ("return f(x)", ("failed",)),
        ("f.data = 0.0\n    return x", ("error",)),
        ("f.__code__ = None\n    return x", ("error",)),
        ("return f(f)", ("failed", "error")),
        ("return f(lambda: f)", ("failed", "error")),
        ("return f(*[x] * 1000)", ("error",)),
        ("return f(x, seed=1, out=x)", ("error",)),
        ("return [f(x) for _ in iter(int, 1)]", ("timeout",)),
        ("class A:\n        __array_ufunc__ = lambda *a, **k: f(A())\n"
         "        __array__ = lambda *a, **k: f(A())\n        __float__ = lambda *a: f(A())\n"
         "        __len__ = __iter__ = __getitem__ = __mul__ = __rmul__ = __pow__ = __add__ = __sub__ = __float__\n"
         "    return f(A())", ("crashed", "error", "timeout", "failed")),
    ],
)  # fmt: skip
def test_of_a_function_handed_over_nothing_can_be_had(
    sandbox: Sandbox, body: str, status: tuple[str, ...]
):
    with sandbox.worker() as worker:
        result = judged(worker, PROBE.replace("FIRST", body), "gradient_check", "03.5")
    assert result.status in status and result.score == 0, result


def test_a_function_handed_over_still_works(sandbox: Sandbox):
    with sandbox.worker(limits=PATIENT) as worker:
        source = PROBE.replace("    FIRST", RIGHT_GRADIENT)
        assert judged(worker, source, "gradient_check", "03.5").passed


def test_how_a_graph_is_copied_does_not_tell_the_order_that_is_asked_for(sandbox: Sandbox):
    """The copying is at hand in the worker, under names that the source need not say."""
    source = (
        "import sys\n\ndef topological_order(root):\n"
        "    module = sys.modules[type(root).__module__]\n"
        "    return list(getattr(module, '_pack')(root)[0])\n"
    )
    with sandbox.worker(limits=PATIENT) as worker:
        result = judged(worker, source, "topological_order", "04.1")
    assert result.status == "failed", result


def test_nothing_handed_over_outlives_its_exercise(sandbox: Sandbox):
    """What one exercise's judge gave must not be the answer to another exercise."""
    keep = "import builtins\n\ndef gradient_check(f, x, grad, eps=1e-5):\n    builtins.kept = f\n    return x\n"
    with sandbox.worker() as worker:
        assert judged(worker, keep, "gradient_check", "03.5").status == "failed"
        result = judged(worker, "import builtins\nsigmoid = builtins.kept\n", "sigmoid", "01.1")
    assert result.status == "crashed" and result.score == 0


# --- worker processes ----------------------------------------------------------------------------


def test_two_workers_do_not_meet(sandbox: Sandbox):
    """Not at the same time, and not one after the other: no file, process, name or shared memory."""
    hide = """
import builtins, ctypes, os, sys
import numpy as np
open('/tmp/word', 'w').write('x')
builtins.word = np.word = os.environ['word'] = 'x'
sys.modules['word'] = sys
np.ndarray_word = list
me = (os.getpid(), os.getuid())
"""
    seek = """
import builtins, os, sys
import numpy as np
def found():
    yield from (p for p in os.listdir('/proc') if p.isdigit() and int(p) != os.getpid())
    yield from (os.path.join(where, name) for where, _, names in os.walk('/tmp') for name in names
                if not where.startswith(SHOWN))
    yield from (x for x in (builtins, np) if hasattr(x, 'word'))
    yield from (x for x in (os.environ, sys.modules) if 'word' in x)
found = [str(x) for x in found()]
"""
    # a course that lies below /tmp is seen there
    shown = tuple(str(folder) for folder in sandbox_module._visible_folders())
    seek = f"SHOWN = {shown!r}\n{seek}"
    with sandbox.worker() as first:
        assert first.answer([(hide, "<a>", 1)], "me")
        assert "/tmp/word" in first.answer([(seek, "<b>", 1)], "found")  # it does look
        with sandbox.worker() as second:
            assert second.answer([(seek, "<b>", 1)], "found") == []
    with sandbox.worker() as third:
        assert third.answer([(seek, "<c>", 1)], "found") == []


def test_a_worker_sees_only_what_it_needs(sandbox: Sandbox):
    """The whole file system, walked: nothing of the course's answers, no home, no other data."""
    walk = """
import os
def walk():
    found = []
    for folder, folders, files in os.walk('/', onerror=None):
        folders[:] = [f for f in folders if f not in ('proc', 'usr', 'lib', 'lib64', 'bin', 'sbin')
                      and not os.path.islink(os.path.join(folder, f))]
        if 'site-packages' in folder and 'aigc' not in folder:
            folders[:] = []
        found += [os.path.join(folder, f) for f in files]
    return found
found = walk()
"""
    with sandbox.worker(limits=Limits(seconds=20)) as worker:
        seen = [Path(path) for path in worker.answer([(walk, "<a>", 1)], "found")]
    # Python itself and the data may lie anywhere, even at home
    python = [Path(folder) for folder in (sys.prefix, sys.base_prefix, data_root())]
    seen = [path for path in seen if not any(path.is_relative_to(folder) for folder in python)]
    course = sandbox_module._PACKAGE
    parts = [course / part for part in visible_parts(course)]
    assert all(
        any(path.is_relative_to(part) for part in parts) for path in seen if course in path.parents
    )
    assert course / "classroom" / "sandbox" / "codec.py" in seen  # it did look
    others = {str(path) for path in seen if course not in path.parents}
    others -= {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")}
    assert others <= {"/etc/ld.so.cache", "/etc/localtime"}


def test_workers_leave_nothing_in_the_process_that_grades(sandbox: Sandbox):
    bad = "import os\n\ndef sigmoid(z):\n    if os.fork() == 0:\n        os.setsid()\n        while True:\n            pass\n    os._exit(3)\n"
    with sandbox.worker():
        pass
    before, processes = open_files(), len(children())
    for _ in range(8):
        with sandbox.worker() as worker:
            assert judged(worker, bad, "sigmoid", "01.1").status == "crashed"
    assert open_files() == before
    deadline = time.monotonic() + 30
    while len(children()) > processes:  # a supervisor has reported before it is gone itself
        assert time.monotonic() < deadline, children()
        time.sleep(0.02)


def test_a_sandbox_that_is_killed_is_noticed_and_replaced(sandbox: Sandbox):
    with Sandbox(limits=PATIENT) as own:
        with own.worker() as worker:
            assert judged(worker, f"{CHANNEL}\nsigmoid = right", "sigmoid", "01.1").passed
            assert own._process is not None
            own._process.kill()
            own._process.wait()
            waits = "import time\n\ndef sigmoid(z):\n    time.sleep(100)\n"
            assert judged(worker, waits, "sigmoid", "01.1").status == "crashed"
        with contextlib.suppress(Exception), own.worker():
            pass
        with own.worker() as worker:
            assert judged(worker, f"{CHANNEL}\nsigmoid = right", "sigmoid", "01.1").passed


def test_the_processor_time_of_a_worker_has_an_end(sandbox: Sandbox):
    """Four processes that burn, unasked, while the judge has time: the kernel ends them."""
    burn = "def sigmoid(z):\n    while True:\n        pass\n"
    limits = Limits(seconds=30, total_seconds=1, memory_mib=256)
    with sandbox.worker(limits=limits) as worker:
        result = judged(worker, burn, "sigmoid", "01.1")
    assert result.status == "timeout", result


def test_values_keep_their_meaning_after_all_this(sandbox: Sandbox):
    with sandbox.worker() as worker:
        f: Any = worker.answer(
            [("def f(x, k=2):\n    return {'a': x * k, 'b': (1, None)}", "<a>", 1)], "f"
        )
        got = f(np.arange(3.0), k=3)
    assert got["a"].tolist() == [0, 3, 6] and got["b"] == (1, None)


# --- answers that keep the judge busy -------------------------------------------------------------


@pytest.mark.parametrize(
    "lie",
    [
        "'a' + '\\u0300\\u0316' * 2_000_000",  # sorting these takes time by the square
        "'\\ufdfa' * 2_000_000",  # each becomes eighteen
        "'9' * 7_000_000",
        "'x' * 7_000_000",
        "10 ** 1000",
        "{str(k): k for k in range(100_000)}",
        "[[[]] * 1000] * 100",
    ],
)
def test_a_text_or_number_that_is_slow_to_look_at_is_only_wrong(sandbox: Sandbox, lie: str):
    from aigc_course.judging.judges import choice, number, text

    with sandbox.worker(limits=Limits(seconds=20)) as worker:
        value = worker.answer([(f"answer = {lie}", "<a>", 1)], "answer")
    assert not text(value, "反向传播", "术语").ok
    assert not number(value, 3.5, "数").ok
    assert not choice(value, "A", "ABCD").ok


def test_one_expression_too_deep_does_not_hide_what_follows():
    from aigc_course.judging.forbidden import static_findings

    deep = "x = " + "+".join(["1"] * 1500)
    after = (
        "import torch\ndef f(z):\n    y = "
        + "+".join(["z"] * 1500)
        + "\n    return torch.softmax(z, 1)\n"
    )
    assert static_findings(f"{deep}\n{after}") == ["第 5 行用了 torch.softmax"]
    assert static_findings("exec('" + "-" * 30_000 + "1')\nimport torch\ntorch.relu(1)\n")
