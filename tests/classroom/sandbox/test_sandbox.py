"""Worker processes: nothing of an answer stays in one, and a stop of one is a stop of one only."""

import os
import signal
import sys
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from aigc_course.classroom.sandbox import Kind, Limits, NoSandbox, NotDefined, Sandbox
from aigc_course.classroom.sandbox import sandbox as sandbox_module
from aigc_course.exercises import judge
from aigc_course.judging.core import Stopped

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement is Linux's")
ENGINE, TORCH = Kind.of(("aigc_course.engine.*",)), Kind.of(("torch.*",))
QUICK = Limits(seconds=20, memory_mib=256, tmp_mib=8, file_mib=4, frame_mib=8, traffic_mib=16)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(limits=QUICK) as started:
        yield started


def chunk(source: str, name: str = "<练习 99.1>") -> list:
    return [(source, name, 1)]


def ask(sandbox, source: str, name: str = "f", *args, **kwargs):
    with sandbox.worker(**kwargs) as worker:
        found = worker.answer(chunk(source), name)
        return found(*args) if callable(found) else found


def test_it_is_available_here():
    assert Sandbox.available() == ""


def test_a_right_answer_is_judged_from_outside(sandbox):
    source = (
        "import numpy as np\n"
        "def softmax(z):\n"
        "    e = np.exp(z - z.max(axis=1, keepdims=True))\n"
        "    return e / e.sum(axis=1, keepdims=True)\n"
    )
    with sandbox.worker() as worker:
        for seed in range(3):
            assert judge("01.2", worker.answer(chunk(source), "softmax"), seed).passed


def test_values_functions_and_classes_come_out(sandbox):
    with sandbox.worker() as worker:
        program = chunk("class A:\n    n = 3\nx = (1, 'b')\ny = lambda k: k + 1")
        assert worker.answer(program, "x") == (1, "b")
        assert worker.answer(program, "y")(4) == 5
        assert worker.answer(program, "A")().n == 3
        with pytest.raises(NotDefined):
            worker.answer(program, "z")


def test_each_exercise_has_a_namespace_of_its_own(sandbox):
    with sandbox.worker() as worker:
        worker.answer(chunk("helper = 1\nf = 2"), "f")
        with pytest.raises(NameError):
            worker.answer(chunk("f = helper"), "f")


def test_errors_name_the_learners_own_line(sandbox):
    program = [
        ("import numpy as np", "<单元格 1>", 1),
        ("def f(x):\n    return np.exp(x) + nonsense", "<练习 99.1>", 3),
    ]
    with sandbox.worker() as worker:
        f = worker.answer(program, "f")
        with pytest.raises(NameError) as caught:
            f(1.0)
    assert caught.value.own_lines[0] == "第 4 行：return np.exp(x) + nonsense"
    with sandbox.worker() as worker, pytest.raises(SyntaxError) as caught:
        worker.answer(chunk("def f(:\n  pass"), "f")
    assert "第 1 行" in caught.value.own_lines[0]


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("def f():\n    while True: pass", "timeout"),
        (
            "def f():\n    while True:\n        try:\n            while True: pass\n"
            "        except BaseException: pass",
            "timeout",
        ),
        ("while True: pass", "timeout"),
        ("import numpy as np\ndef f(): return np.ones(1 << 28)", "memory"),
        ("def f(): return 'x' * (9 << 20)", "memory"),
        ("import os\ndef f(): os._exit(0)", "crashed"),
        ("import os\nos._exit(0)", "crashed"),
        ("import ctypes\ndef f(): ctypes.string_at(0)", "crashed"),
        ("import os\ndef f(): os.write(3, bytes([4, 0, 0, 0]) * 2)", "crashed"),
        ("def f():\n    import torch", "refused"),
        ("from aigc_course import engine\nf = engine.functional.softmax", "refused"),
        ("from aigc_course.exercises import ex01\nf = ex01.softmax", "refused"),
    ],
)
def test_a_stop_has_its_status_and_ends_only_its_own_process(sandbox, source, status):
    limits = replace(QUICK, seconds=1.5) if status == "timeout" else QUICK
    with sandbox.worker(limits=limits) as worker:
        with pytest.raises(Stopped) as caught:
            worker.answer(chunk(source), "f")()
        assert caught.value.status == status and caught.value.message
        assert worker.alive == (status == "refused")
    assert ask(sandbox, "f = 1") == 1


def test_what_it_started_dies_with_it(sandbox):
    source = (
        "import os, time\n"
        "def f():\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        time.sleep(600)\n"
        "    return True\n"
    )
    parent = psutil.Process(sandbox._process.pid)
    _wait_until(lambda: len(parent.children(recursive=True)) <= 2)  # bubblewrap, the fork server
    with sandbox.worker() as worker:
        assert worker.answer(chunk(source), "f")()
        # and a supervisor, its worker, that one's child
        assert len(parent.children(recursive=True)) >= 4
    _wait_until(lambda: len(parent.children(recursive=True)) <= 2)


def _wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "processes are left"
        time.sleep(0.02)


def test_processes_are_bounded_and_threads_count(sandbox):
    source = (
        "import os, time\n"
        "def f():\n"
        "    for n in range(20):\n"
        "        try:\n"
        "            if os.fork() == 0: time.sleep(600)\n"
        "        except OSError: return n\n"
        "    return 20\n"
    )
    assert ask(sandbox, source) < QUICK.processes


SECRETS = (
    "import os\n"
    "def f(paths):\n"
    "    out = []\n"
    "    for path in paths:\n"
    "        look = os.listdir if os.path.isdir(path) else lambda p: open(p).read()\n"
    "        try: out.append(look(path))\n"
    "        except OSError: out.append(None)\n"
    "    return out\n"
)


def test_judges_notebooks_and_homes_are_not_there(sandbox, tmp_path):
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    package = sandbox_module._PACKAGE
    paths = [
        package / "exercises",
        package / "exercises" / "ex01.py",
        package / "engine",
        package.parent / "notebooks",
        package.parent / "tests",
        tmp_path / "secret",
        "/etc/passwd",
        "/proc/1/environ",
        os.path.expanduser("~/.ssh"),
    ]
    found = ask(sandbox, SECRETS, "f", [str(p) for p in paths])
    assert [bool(x) for x in found[:6]] == [False] * 6 and not found[6] and not found[8]
    assert "AIGC" not in os.environ.get("SECRET", "") and str(tmp_path) not in str(found[7])


def test_the_environment_does_not_come_in(monkeypatch):
    monkeypatch.setenv("AIGC_SECRET_SEED", "12345")
    with Sandbox(limits=QUICK) as fresh:
        env = ask(fresh, "import os\ndef f(): return dict(os.environ)")
    assert "12345" not in str(env) and "AIGC_SECRET_SEED" not in env


def test_only_its_own_tmp_can_be_written_and_it_does_not_stay(sandbox):
    source = (
        "import os\n"
        "def f(paths):\n"
        "    there, out = os.path.exists(paths[0]), []\n"
        "    for path in paths:\n"
        "        try:\n"
        "            open(path, 'w').write('x'); out.append(True)\n"
        "        except OSError: out.append(False)\n"
        "    return there, out, open(paths[0]).read()\n"
    )
    package = str(sandbox_module._PACKAGE)
    wanted = ["/tmp/kept", "/x", "/usr/x", f"{package}/x", f"{package}/exercises/x", "/dev/x"]
    for _ in range(2):
        assert ask(sandbox, source, "f", wanted) == (False, [True] + [False] * 5, "x")
    assert not os.path.exists("/tmp/kept")


def test_disk_use_is_bounded(sandbox):
    source = (
        "def f():\n"
        "    try:\n"
        "        for n in range(100):\n"
        "            with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(1 << 20))\n"
        "    except OSError: return n\n"
    )
    assert ask(sandbox, source) <= QUICK.tmp_mib


@pytest.mark.parametrize(
    "call",
    [
        "socket.socket(socket.AF_INET)",
        "socket.socket(socket.AF_UNIX)",
        "libc.unshare(0x10000000) and 1 / 0",
        "libc.ptrace(16, 1, 0, 0) and 1 / 0",
        "libc.mount(b'x', b'/tmp', b'tmpfs', 0, 0) and 1 / 0",
        "os.setuid(0)",
        "resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)",
        "os.kill(-1, 9)",
        "os.chroot('/tmp')",
    ],
)
def test_rights_are_gone(sandbox, call):
    source = (
        "import ctypes, os, resource, socket\n"
        "libc = ctypes.CDLL(None)\n"
        f"def f():\n    {call}\n    return 'could'\n"
    )
    with pytest.raises((OSError, ValueError, ZeroDivisionError)):
        ask(sandbox, source)


def test_kinds_differ_in_what_can_be_imported():
    source = "from aigc_course import engine\nf = engine.tensor([1.0, 2.0]).sum().item()"
    with Sandbox(ENGINE, QUICK) as with_engine:
        assert ask(with_engine, source, allows=("aigc_course.engine.*",)) == 3.0
    assert Kind.of(()) == Kind() and Kind.of(("torch.nn.*",)) == TORCH


@pytest.mark.slow
def test_torch_answers_run_backward_in_a_fork():
    source = (
        "import torch\n"
        "def f(x):\n"
        "    x = x.clone().requires_grad_()\n"
        "    (x ** 2).sum().backward()\n"
        "    return x.grad\n"
    )
    import torch

    limits = Limits(seconds=60, memory_mib=2048, processes=16)
    with Sandbox(TORCH, limits) as started:
        for _ in range(2):
            got = ask(started, source, "f", torch.tensor([1.0, 3.0]), allows=("torch*",))
            assert got.tolist() == [2.0, 6.0]


def test_an_optimizer_of_torch_finds_what_it_imports_at_its_first_step():
    """It would look for libraries that are closed, and write to a folder."""
    source = (
        "import torch\n"
        "def f(w):\n"
        "    w = w.clone().requires_grad_()\n"
        "    optimizer = torch.optim.Adam([w], lr=0.5)\n"
        "    w.sum().backward()\n"
        "    optimizer.step()\n"
        "    return w.detach()\n"
    )
    import torch

    limits = Limits(seconds=60, memory_mib=2048, processes=16)
    with Sandbox(TORCH, limits) as started:
        got = ask(started, source, "f", torch.tensor([1.0, 3.0]), allows=("torch*",))
        assert [round(float(x), 6) for x in got] == [0.5, 2.5]


def test_a_fork_server_that_died_is_started_again():
    with Sandbox(limits=QUICK) as started:
        first = started._process
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert ask(started, "f = 5") == 5 and started._process is not first


def test_closing_leaves_nothing():
    started = Sandbox(limits=QUICK)
    started.start()
    worker = started.worker()
    worker.answer(chunk("f = 1"), "f")
    children = psutil.Process(started._process.pid).children(recursive=True)
    started.close()
    worker.close()
    _wait_until(lambda: not any(p.is_running() and p.status() != "zombie" for p in children))


def test_without_bubblewrap_it_says_so(monkeypatch):
    monkeypatch.setattr(sandbox_module, "bubblewrap", lambda: None)
    with pytest.raises(NoSandbox, match="bubblewrap"):
        Sandbox().start()
    Sandbox.available.cache_clear()
    assert "bubblewrap" in Sandbox.available()
    Sandbox.available.cache_clear()


def test_unconfined_workers_work_with_limits_only():
    with Sandbox(limits=QUICK, unconfined=True) as started:
        assert ask(started, "def f(x): return x + 1", "f", np.ones(2)).tolist() == [2, 2]
        brief = started.worker(limits=replace(QUICK, seconds=1.5))
        with brief as worker, pytest.raises(Stopped) as caught:
            worker.answer(chunk("def f():\n    while True: pass"), "f")()
        assert caught.value.status == "timeout"


def test_limits_are_numbers_above_zero():
    with pytest.raises(ValueError, match="memory_mib"):
        Limits(memory_mib=0)


def test_the_same_answer_draws_the_same_random_numbers_in_every_process(sandbox):
    source = "import random\nimport numpy as np\ndef f(): return random.random(), np.random.rand()"
    assert ask(sandbox, source) == ask(sandbox, source)


def test_a_forbidden_call_is_noticed_where_the_engine_is_there():
    source = (
        "import numpy as np\n"
        "from aigc_course import engine\n"
        "def f(z):\n"
        "    name = 'soft' + 'max'\n"
        "    try:\n"
        "        return getattr(engine.functional, name)(engine.tensor(z), 1).data\n"
        "    except BaseException:\n"
        "        return z\n"
    )
    with Sandbox(ENGINE, QUICK) as started:
        allows = ("aigc_course.engine.*", "!aigc_course.engine.*softmax")
        with started.worker(allows=allows) as worker, pytest.raises(Stopped) as caught:
            worker.answer(chunk(source), "f")(np.ones((2, 3)))
        assert caught.value.status == "refused" and "softmax" in caught.value.message
        with started.worker(allows=("aigc_course.engine.*",)) as worker:
            assert worker.answer(chunk(source), "f")(np.ones((2, 3))).shape == (2, 3)
