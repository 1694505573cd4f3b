"""A shared machine: one installation, several learners, several processes, some of them killed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from aigc_course import places
from aigc_course.classroom.workspace import delivery, jupyter
from aigc_course.classroom.workspace import learners_folder as folders
from aigc_course.classroom.workspace.delivery import deliver, reset
from aigc_course.classroom.workspace.learners_folder import choose_folder, make_folder
from aigc_course.errors import UserError
from aigc_course.files import TEMPORARY
from tests.classroom.workspace.test_delivery import ONE, course, files, kinds

ROOT = Path(delivery.__file__).resolve().parents[3]
POSIX = pytest.mark.skipif(os.name != "posix", reason="this system has no modes and owners")


def python(code: str, *arguments: str, cwd: Path, **env: str) -> subprocess.Popen[str]:
    """Start ``code``; it says "ready", and begins when told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), **env},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first == "ready\n", process.communicate()[1]
    return process


def go(*processes: subprocess.Popen[str]) -> list[str]:
    """Let all begin, wait for all; what each printed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    printed = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        printed.append(out)
    return printed


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# --- one folder, two processes ---------------------------------------------------------------

DELIVER = """
import json, sys
from pathlib import Path
from aigc_course.classroom.workspace.delivery import deliver
from tests.classroom.workspace.test_delivery import Fake
folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
course = Fake(**{f"{k:02d}_x": f"lesson {k}" * 2000 for k in range(12)})
print("ready", flush=True)
sys.stdin.readline()
done = [c for _ in range(rounds) for c in deliver(folder, course)]
print(json.dumps([(c.kind, c.path.name) for c in done]))
"""


def test_two_deliveries_into_one_folder_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "我的 课程"
    printed = go(*(python(DELIVER, str(folder), "40", cwd=tmp_path) for _ in range(2)))
    changes = Counter(tuple(change) for text in printed for change in json.loads(text))
    assert changes == {("new", f"{k:02d}_x.ipynb"): 1 for k in range(12)}
    assert files(folder) == {f"{k:02d}_x.ipynb": f"lesson {k}" * 2000 for k in range(12)}
    assert sorted(p.name for p in (folder / ".aigc").iterdir()) in (
        ["lock", "state.json"],
        ["state.json"],  # where the lock's file goes with the lock
    )


@pytest.mark.parametrize("milliseconds", [0, 3, 10, 30])
def test_a_delivery_killed_at_any_moment_is_made_good(tmp_path: Path, milliseconds: int) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "03_x.ipynb").write_text("mine")
    process = python(DELIVER, str(folder), "1", cwd=tmp_path)
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    time.sleep(milliseconds / 1000)
    process.kill()
    process.communicate()
    for path in folder.glob("*.ipynb"):  # whole or not there
        assert path.stat().st_size in (4, len("lesson 1") * 2000, len("lesson 10") * 2000)
    go(python(DELIVER, str(folder), "1", cwd=tmp_path))
    assert len(files(folder)) == 13
    assert files(folder)["03_x.ipynb"] == "mine"
    assert files(folder)["03_x（新版 0.1.0）.ipynb"] == "lesson 3" * 2000
    assert not list((folder / ".aigc").glob(f"{TEMPORARY}*"))


def test_a_check_for_room_is_cleared_away_by_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # an aigc that is coming up writes a probe; one that is at work clears away what crashes left
    deliver(tmp_path, course())
    real = Path.write_bytes

    def and_cleared(path: Path, content: bytes) -> int:
        count = real(path, content)
        for stale in (tmp_path / ".aigc").glob(f"{TEMPORARY}*"):
            stale.unlink()
        return count

    monkeypatch.setattr(Path, "write_bytes", and_cleared)
    assert deliver(tmp_path, course()) == []


# --- two folders, one installation -----------------------------------------------------------

# every path that a process writes to, by Python's own account
WITNESS = """
import os, sys
written = set()
def hook(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if flags else False
        if writes and isinstance(path, (str, bytes, os.PathLike)):
            written.add(os.path.abspath(os.fsdecode(path)))
    elif event in ("os.mkdir", "os.remove", "os.rmdir", "os.chmod", "os.truncate"):
        if not isinstance(arguments[0], int):
            written.add(os.path.abspath(os.fsdecode(arguments[0])))
    elif event in ("os.rename", "os.link", "os.symlink"):
        written.update(os.path.abspath(os.fsdecode(path)) for path in arguments[:2])
    elif event == "sqlite3.connect":
        written.add(os.path.abspath(str(arguments[0])))
sys.addaudithook(hook)
print("ready", flush=True)
sys.stdin.readline()
from aigc_course.cli.main import main
for words in (["update"], ["reset", "01"]):
    sys.argv = ["aigc", *words, sys.argv[1]] if words == ["update"] else ["aigc", *words, folder]
    folder = sys.argv[-1]
    if words != ["update"]:
        with open(os.path.join(folder, "01_x.ipynb"), "a") as file:
            file.write("mine")
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
os.chdir(folder)
from aigc_course.progress import record as progress
progress.record_hint("01.1", 1)
from aigc_course.classroom.workspace.jupyter import write_setup
from pathlib import Path
write_setup(Path(folder))
print("\\n".join(sorted(written)))
"""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed copy of the course with two small lessons."""
    import nbformat

    from aigc_course.authoring.text import from_text
    from tests.classroom.workspace.test_delivery import SOURCE

    base = tmp_path_factory.mktemp("installed")
    ignored = shutil.ignore_patterns("__pycache__", "_notebooks", "_data")
    shutil.copytree(ROOT / "aigc_course", base / "aigc_course", ignore=ignored)
    lessons = base / "aigc_course" / "_notebooks"
    lessons.mkdir()
    for number in ("01", "02"):
        text = SOURCE.replace("03.1", f"{number}.1")
        nbformat.write(from_text(text), lessons / f"{number}_x.ipynb")
    return base


@pytest.mark.slow
def test_two_learners_of_one_installation_do_not_meet(installation: Path, tmp_path: Path) -> None:
    before = tree(installation)
    learners = [tmp_path / name for name in ("甲", "乙")]
    running = []
    for home in learners:
        home.mkdir()
        running.append(
            python(
                WITNESS,
                str(home / "我的 课程"),
                cwd=home,
                PYTHONPATH=str(installation),
                PYTHONDONTWRITEBYTECODE="1",
                HOME=str(home),
                USERPROFILE=str(home),
                MPLCONFIGDIR=str(home / "mpl"),
                IPYTHONDIR=str(home / "ipython"),
                JUPYTER_RUNTIME_DIR=str(home / "runtime"),
            )
        )
    for home, printed in zip(learners, go(*running), strict=True):
        folder = home / "我的 课程"
        written = [Path(line) for line in printed.splitlines() if line.startswith(os.sep)]
        assert folder / ".aigc" / "progress.db" in written  # the witness was awake
        assert folder / ".aigc" / "state.json" in written
        strangers = [
            path
            for path in written
            if not path.is_relative_to(home) and not path.is_relative_to(os.devnull)
        ]
        assert strangers == []
        assert len(list(folder.glob("01_x（留存 *）.ipynb"))) == 1
    # a read-only installation is enough: nothing in it was written, made or removed
    assert tree(installation) == before


def test_what_one_learner_does_leaves_the_other_folder_as_it_is(tmp_path: Path) -> None:
    one, other = tmp_path / "甲", tmp_path / "乙"
    for folder in (one, other):
        deliver(folder, course())
        jupyter.write_setup(folder)
    before = tree(other)
    (one / ONE).write_text("mine")
    deliver(one, course(one="1b", two="2b"))
    reset(one, course(), "1", datetime(2026, 1, 31))
    jupyter.write_setup(one)
    assert tree(other) == before
    assert kinds(deliver(other, course(one="1b"))) == [("updated", ONE)]


def test_each_servers_places_are_in_its_own_folder(tmp_path: Path) -> None:
    one, other = tmp_path / "甲", tmp_path / "乙"
    environments = [jupyter.environment(folder) for folder in (one, other)]
    ours = [
        name
        for name in environments[0]
        if environments[0][name] != environments[1][name]  # whatever names a folder of its own
    ]
    assert {"JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"} <= set(ours)
    assert {"JUPYTER_CONFIG_PATH", "JUPYTER_PATH"} <= set(ours)
    for folder, stranger, found in ((one, other, environments[0]), (other, one, environments[1])):
        for name in ours:
            assert found[name].startswith(str(folder / ".aigc" / "jupyter"))
            assert str(stranger) not in found[name]


def test_a_server_of_another_folder_is_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, runtime = tmp_path / "甲", tmp_path / "乙", tmp_path / "runtime"
    for folder in (one, other, runtime):
        folder.mkdir()
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(runtime))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        record = {
            "root_dir": str(one),
            "pid": os.getpid(),
            "hostname": "127.0.0.1",
            "port": port,
            "url": f"http://127.0.0.1:{port}/",
            "token": "secret",
        }
        (runtime / "jpserver-1.json").write_text(json.dumps(record))
        found = jupyter.running(one)
        assert found is not None and found.token == "secret"
        assert jupyter.running(other) is None


# --- owners and modes ------------------------------------------------------------------------


@POSIX
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_the_learners_settings_are_closed_to_others(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        deliver(tmp_path / "f", course())
        jupyter.write_setup(tmp_path / "f")
    finally:
        os.umask(before)
    assert (tmp_path / "f" / ".aigc").stat().st_mode & 0o777 == 0o700
    # the notebooks themselves are as open as the learner's umask says
    assert (tmp_path / "f" / ONE).stat().st_mode & 0o777 == 0o666 & ~mask


@POSIX
def test_a_notebook_closed_to_others_stays_closed(tmp_path: Path) -> None:
    deliver(tmp_path, course())
    (tmp_path / ONE).chmod(0o600)
    assert kinds(deliver(tmp_path, course(one="1b"))) == [("updated", ONE)]
    assert (tmp_path / ONE).stat().st_mode & 0o777 == 0o600


@POSIX
def test_a_folder_of_another_user_is_neither_found_nor_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(tmp_path, course())
    below = tmp_path / "below"
    below.mkdir()
    before = tree(tmp_path)
    monkeypatch.chdir(below)
    assert choose_folder(None) == tmp_path
    monkeypatch.setattr(places, "is_anothers", lambda path: ".aigc" in Path(path).parts)
    monkeypatch.setattr(folders, "is_anothers", places.is_anothers)
    assert choose_folder(None) == below / "我的课程"
    with pytest.raises(UserError, match="另一位用户的学习文件夹 → 换一个自己的"):
        make_folder(tmp_path)
    assert tree(tmp_path) == before


@POSIX
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_closed_to_us_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = tmp_path / "f" / "below"
    deliver(tmp_path / "f", course())
    below.mkdir()
    (tmp_path / "f" / ".aigc").chmod(0)
    monkeypatch.chdir(below)
    try:
        assert choose_folder(None) == below / "我的课程"
    finally:
        (tmp_path / "f" / ".aigc").chmod(0o700)


def test_the_working_directory_may_be_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("Windows keeps a folder that somebody stands in")
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for wanted in (None, "x"):
        with pytest.raises(UserError, match="当前文件夹已经不在了"):
            choose_folder(wanted)
