"""What the hostile suite is made of: attacks, a class to attack, and a look at what was touched."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import secrets
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aigc_course.classroom.assignment.from_notebook import asked_notebook
from aigc_course.classroom.assignment.record import Assignment
from aigc_course.classroom.marks import ExerciseStatus, SubmissionStatus

REPOSITORY = Path(__file__).resolve().parents[2]
BOOK = "01_forward"
FULL = 18.0  # points of all exercises of BOOK
POINTS = {"01.1": 2.0, "01.2": 3.0, "01.3": 2.0, "01.4": 4.0, "01.5": 3.0, "01.6": 4.0}

Notebook = dict[str, Any]


@dataclass(frozen=True)
class Attack:
    """A submission in which one exercise, or the file itself, is hostile.

    Attributes:
        name: of the student's folder.
        tries: what it is after.
        code: the answer cell of exercise 01.1, all others being right; or
        change: what is done to the notebook in which all is right; or
        place: puts something else into the student's folder.
        ends: status of exercise 01.1.
        score: points it gets for 01.1.
        status: of the submission.
        total: of the submission; None for "not graded".
    """

    name: str
    tries: str
    code: str = ""
    change: Callable[[Notebook], Notebook | bytes] | None = None
    place: Callable[[Path, Scene], None] | None = None
    ends: ExerciseStatus | None = "failed"
    score: float | None = 0.0
    status: SubmissionStatus = "graded"
    total: float | None = -1.0  # -1: full marks but for 01.1


@dataclass
class Scene:
    """Where the attacks happen, and the marks they leave if they get through."""

    root: Path
    outside: Path  # a folder beside the course
    port: int
    mark: str

    def fill(self, code: str) -> str:
        """``code`` with the places it wants to reach."""
        for word, value in (
            ("@ROOT@", str(self.root)),
            ("@OUTSIDE@", str(self.outside)),
            ("@REPO@", str(REPOSITORY)),
            ("@PORT@", str(self.port)),
            ("@MARK@", self.mark),
            ("@SPLIT@", "', '".join(self.mark)),
        ):
            code = code.replace(word, value)
        return code


# --- notebooks -----------------------------------------------------------------------------------


@cache
def _source(name: str) -> str:
    return (REPOSITORY / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")


@cache
def _student(name: str) -> str:
    import nbformat

    from aigc_course.authoring.student import student_version

    return str(nbformat.writes(student_version(nbformat.reads(_source(name), as_version=4))))


def student_notebook(name: str = BOOK) -> Notebook:
    """The notebook as released."""
    return dict(json.loads(_student(name)))


def solution(name: str, cell: str) -> str:
    """The course's own answer, without the marks around it."""
    for one in json.loads(_source(name))["cells"]:
        if one["id"] == cell:
            lines = "".join(one["source"]).splitlines()
            return "\n".join(line for line in lines if "### " not in line)
    raise KeyError(cell)


def cell_of(notebook: Notebook, id: str) -> dict[str, Any]:
    return next(cell for cell in notebook["cells"] if cell["id"] == id)


def solved(name: str = BOOK) -> Notebook:
    """The student version with every exercise answered as the course does."""
    notebook = student_notebook(name)
    for cell in notebook["cells"]:
        if cell["id"].startswith("ex-") and cell["cell_type"] == "code":
            cell["source"] = solution(name, cell["id"])
    return notebook


def with_answer(code: str, cell: str = "ex-01-1", name: str = BOOK) -> Notebook:
    """All right but for one cell."""
    notebook = solved(name)
    cell_of(notebook, cell)["source"] = code
    return notebook


def as_bytes(notebook: Notebook | bytes) -> bytes:
    if isinstance(notebook, bytes):
        return notebook
    return json.dumps(notebook, ensure_ascii=False).encode("utf-8", "surrogatepass")


# --- the class -----------------------------------------------------------------------------------


def found_course(root: Path, names: tuple[str, ...] = (BOOK,)) -> Assignment:
    """An instructor's folder: one assignment, its solutions, and a gradebook to be coveted."""
    import nbformat

    from aigc_course.judging.core import get

    books = []
    for name in names:
        source = nbformat.reads(_source(name), as_version=4)
        student = nbformat.reads(_student(name), as_version=4)
        for folder, text in (("source", _source(name)), ("release", _student(name))):
            path = root / folder / "ps1" / f"{name}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        ids = {f"{name[:2]}.{k}" for k in range(1, 7)}
        books.append(asked_notebook(name, source, student, {id: get(id).title for id in ids}))
    assignment = Assignment("ps1", tuple(books), course_version="0.1.0")
    assignment.save(root)
    (root / "gradebook.db").write_bytes(b"the gradebook: not to be read or written")
    return assignment


def hand_in(root: Path, student: str, notebook: Notebook | bytes, name: str = BOOK) -> Path:
    path = root / "submitted" / student / "ps1" / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(notebook))
    return path


def enlist(scene: Scene, attacks: list[Attack]) -> None:
    """Let every attacker hand in."""
    for attack in attacks:
        if attack.place is not None:
            folder = scene.root / "submitted" / attack.name / "ps1"
            folder.mkdir(parents=True, exist_ok=True)
            attack.place(folder, scene)
        elif attack.change is not None:
            changed = attack.change(copy.deepcopy(solved()))
            hand_in(scene.root, attack.name, changed)
        else:
            hand_in(scene.root, attack.name, with_answer(scene.fill(attack.code)))


# --- what was touched ---------------------------------------------------------------------------


def state_of(top: Path, but: tuple[str, ...] = (".aigc",)) -> dict[str, tuple[Any, ...]]:
    """Every file below ``top``: kind, rights, time and checksum."""
    found: dict[str, tuple[Any, ...]] = {}
    for folder, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name not in but]
        for name in [*folders, *files]:
            path = Path(folder, name)
            at = path.lstat()
            digest = ""
            if stat.S_ISREG(at.st_mode) and at.st_size < 50 << 20:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            times = (at.st_mtime_ns, at.st_size) if not stat.S_ISDIR(at.st_mode) else ()
            found[str(path.relative_to(top))] = (at.st_mode, at.st_uid, *times, digest)
    return found


def left_behind(mark: str, *folders: Path) -> list[str]:
    """Files named after ``mark`` in the places where one could be left."""
    places = [Path("/"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"), Path("/dev/mqueue")]
    places += [Path.home(), Path.cwd(), REPOSITORY, REPOSITORY / "aigc_course", *folders]
    found = []
    for place in places:
        with contextlib.suppress(OSError):
            found += [str(place / name) for name in os.listdir(place) if mark in name]
    return found


def processes_called(mark: str) -> list[int]:
    """Processes that gave themselves the name ``mark`` (its first 15 characters)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "comm").read_text(encoding="utf-8").strip() == mark[:15]:
                    found.append(int(entry.name))
    return found


def children() -> list[str]:
    """What this process started and has not ended, by command line."""
    import psutil

    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            line = child.cmdline()
            if "multiprocessing.resource_tracker" not in " ".join(line):  # Python's own
                found.append(f"{child.pid} {line}")
    return found


class Listener:
    """Sockets to be reached; counts who came."""

    def __init__(self, folder: Path, mark: str) -> None:
        self.visits: list[str] = []
        self._open: list[socket.socket] = []
        self.port = 0
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, f"\0{mark}"),
            (socket.AF_UNIX, str(folder / "s")),
        ):
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.bind(address)
            sock.listen()
            if family == socket.AF_INET:
                self.port = sock.getsockname()[1]
            self._open.append(sock)
            threading.Thread(target=self._wait, args=(sock,), daemon=True).start()

    def _wait(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = sock.accept()
                caller.close()
                self.visits.append(str(sock.getsockname()))

    def close(self) -> None:
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


@contextlib.contextmanager
def scene(top: Path) -> Iterator[tuple[Scene, Listener]]:
    """A place for attacks, with things worth stealing around it."""
    mark = f"hstl{secrets.token_hex(5)}"
    root, outside = top / "course", top / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "secret.txt").write_text(mark, encoding="utf-8")
    listener = Listener(outside, mark)
    os.environ["HOSTILE_SECRET"] = mark
    try:
        yield Scene(root, outside, listener.port, mark), listener
    finally:
        del os.environ["HOSTILE_SECRET"]
        listener.close()
