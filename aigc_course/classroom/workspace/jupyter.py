"""Open JupyterLab on the learner's folder.

Everything the server needs of its own lies in ``.aigc/jupyter`` of that folder: settings, kernel,
workspaces. Nothing of the user's other Jupyter installations is read before ours or written to, and
two learners' folders on one machine do not meet.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import os
import signal
import site
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aigc_course.errors import UserError, from_os_error
from aigc_course.places import PACKAGE, STATE_DIR

__all__ = [
    "Server",
    "environment",
    "first_page",
    "launch",
    "port_is_free",
    "running",
    "shadowing_files",
    "write_setup",
]

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# ipykernel_launcher imports from the standard library before it takes the notebook's folder off
# the path, and dies there of a learner's re.py; here nothing is imported from that folder until
# IPython puts it back, behind the standard library.
START_KERNEL = (
    "import sys; sys.path[:] = filter(None, sys.path); "
    "from ipykernel import kernelapp; kernelapp.launch_new_instance()"
)
EXTENSIONS = Path(__file__).with_name("labextension")
NEEDED = {"jupyterlab": "jupyterlab", "ipykernel": "ipykernel", "psutil": "psutil"}


@dataclass(frozen=True)
class Server:
    """A Jupyter server that answers: where, and the token it wants."""

    url: str
    token: str
    pid: int

    def page(self, notebook: str = "") -> str:
        """The address to open in a browser, on ``notebook`` if one is named.

        Example:
            >>> Server("http://127.0.0.1:8888/", "abc", 1).page("00_welcome.ipynb")
            'http://127.0.0.1:8888/lab/tree/00_welcome.ipynb?token=abc'
        """
        path = f"lab/tree/{quote(notebook)}" if notebook else "lab"
        return f"{self.url}{path}" + (f"?token={self.token}" if self.token else "")


def launch(
    folder: Path,
    *,
    browser: bool = True,
    port: int | None = None,
    extra: list[str] | None = None,
    say: Callable[[str], None] = print,
) -> int:
    """Run JupyterLab on ``folder`` until it is stopped; returns its exit code.

    Args:
        folder: the learner's folder, already made (see :mod:`.delivery`).
        browser: open a browser window.
        port: insist on this port; otherwise the first free one from 8888 on.
        extra: further arguments for JupyterLab, handed on as they are.
        say: where messages to the learner go.

    Raises:
        UserError: the port is busy, or a needed package is missing.
    """
    extra = extra or []
    for module, package in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            raise UserError(f"缺少软件包 {package}", "python -m pip install -r requirements.lock")
    if port is not None and not port_is_free(port):
        raise UserError(f"端口 {port} 已被占用", f"换一个：aigc lab --port {_next_free(port)}")
    for name in shadowing_files(folder):
        module = Path(name).stem
        say(f"⚠ {folder / name} 会顶替软件包 {module}，笔记本里 import {module} 会出错 → 给它改名")
    already = running(folder)
    if already and port is None and not extra:
        say(f"这个文件夹已经开着：{already.page()}")
        if browser:
            import webbrowser

            webbrowser.open(already.page())
        return 0
    write_setup(folder)
    # -P: the server imports nothing from the learner's folder, whatever the files in it are called
    command = [sys.executable, "-P", "-m", "jupyterlab"]
    if port is not None:
        command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        command.append("--no-browser")
    try:
        server = subprocess.Popen([*command, *extra], cwd=folder, env=environment(folder))
    except OSError as error:
        raise from_os_error(error, folder) from error
    return _attend(server, folder, say)


def _attend(server: subprocess.Popen[bytes], folder: Path, say: Callable[[str], None]) -> int:
    # Ctrl-C reaches the server by itself (same terminal) and makes it ask; we only wait for it
    before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        started = time.monotonic()
        told = False
        while server.poll() is None:
            if not told and (found := running(folder)):
                say(f"已就绪：{found.page(first_page(folder))}")
                say("停止：在这里连按两次 Ctrl-C。下次再用同一条命令，接着学。")
                told = True
            if not told and time.monotonic() - started > 120:
                say("两分钟还没有启动好。机器很忙的话再等等；不然按 Ctrl-C，运行 aigc doctor。")
                told = True
            try:
                server.wait(1.0 if told else 0.2)
            except subprocess.TimeoutExpired:
                continue
        code = int(server.returncode)
        if code and not told:
            raise UserError(
                f"JupyterLab 没有启动起来（退出码 {code}），原因在上面", "运行 aigc doctor 逐项检查"
            )
        return max(code, 0)  # negative: ended by a signal, which is how people stop it
    finally:
        if server.poll() is None:
            server.terminate()
        for number, handler in before.items():
            signal.signal(number, handler)


def shadowing_files(folder: Path) -> list[str]:
    """Names in ``folder`` that a notebook there would import in place of an installed package.

    Kernels look into the notebook's own folder after the standard library and before the installed
    packages: a learner's ``random.py`` does no harm, ``numpy.py`` or a package ``torch/`` does.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as name:
        ...     for file in ("random.py", "numpy.py", "my_layers.py"):
        ...         _ = (Path(name) / file).write_text("")
        ...     shadowing_files(Path(name))
        ['numpy.py']
    """
    elsewhere = [entry for entry in sys.path if entry and Path(entry).resolve() != folder.resolve()]
    own = [path.name for path in folder.glob("*.py")]
    own += [path.parent.name for path in folder.glob("*/__init__.py")]
    return sorted(
        name
        for name in own
        if (module := Path(name).stem) not in sys.stdlib_module_names
        and importlib.machinery.PathFinder.find_spec(module, elsewhere)
    )


# --- what the server is told -----------------------------------------------------------------


def environment(folder: Path) -> dict[str, str]:
    """Environment of the server and so of its kernels.

    Thread counts are those of :func:`aigc_course.runtime.choose_threads` unless already set;
    Jupyter's paths point into ``folder`` first and to the usual places after.
    """
    from aigc_course.runtime import choose_threads

    ours = folder / STATE_DIR / "jupyter"
    env = dict(os.environ)
    for name in THREADS:
        env.setdefault(name, str(choose_threads()))
    env["JUPYTERLAB_SETTINGS_DIR"] = str(ours / "settings")
    env["JUPYTERLAB_WORKSPACES_DIR"] = str(ours / "workspaces")
    env["JUPYTER_CONFIG_PATH"] = _before(ours / "config", env.get("JUPYTER_CONFIG_PATH"))
    env["JUPYTER_PATH"] = _before(ours / "share", env.get("JUPYTER_PATH"))
    env["PATH"] = _before(Path(sys.executable).parent, env.get("PATH"))  # alembic, jupyter-…
    env["PYTHONUTF8"] = "1"  # text files are UTF-8 on Windows too
    env.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    env.pop("AIGC_HEADLESS", None)  # a person is looking: bars and sliders wanted
    # run from a clone or an unpacked wheel: kernels stand in another folder
    root = PACKAGE.parent
    if str(root) not in [*site.getsitepackages(), site.getusersitepackages()]:
        env["PYTHONPATH"] = _before(root, env.get("PYTHONPATH"))
    return env


def _before(first: Path, rest: str | None) -> str:
    return os.pathsep.join([str(first), *([rest] if rest else [])])


def first_page(folder: Path) -> str:
    """The notebook to open first, relative to ``folder``; empty if there is none.

    The welcome notebook, or the first one there if the learner has removed it.
    """
    names = sorted(path.name for path in folder.glob("*.ipynb"))
    return next((n for n in names if n.startswith("00_welcome")), names[0] if names else "")


def write_setup(folder: Path) -> None:
    """Write the server's configuration into ``.aigc/jupyter``; the learner's settings stay.

    The language is written into the learner's settings once, as if chosen in the menu; whatever
    is chosen there later stays, now and after a restart.
    """
    ours = folder / STATE_DIR / "jupyter"
    page = first_page(folder)
    nbgrader = ("formgrader", "validate_assignment", "assignment_list", "course_list")
    server: dict[str, Any] = {
        "ServerApp": {
            "root_dir": str(folder),
            "ip": "127.0.0.1",
            "log_level": "WARN",
            # the instructor's tools: seconds of start-up and panels a learner has no use for
            "jpserver_extensions": {f"nbgrader.server_extensions.{n}": False for n in nbgrader},
        },
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        server["ServerApp"]["allow_root"] = True  # containers; still only on 127.0.0.1
    lab = {
        "LabApp": {
            "default_url": f"/lab/tree/{quote(page)}" if page else "/lab",
            "app_settings_dir": str(ours / "lab"),
            # nothing is asked of a network: no news, no update check, no extension catalogue
            "news_url": None,
            "check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
            "extension_manager": "readonly",
            "extra_labextensions_path": [str(EXTENSIONS)],
        },
    }
    overrides = {
        "@jupyterlab/apputils-extension:notification": {
            "checkForUpdates": False,
            "fetchNews": "false",
        },
        # else a notebook opened again shows "model not found" where its sliders were
        "@jupyter-widgets/jupyterlab-manager:plugin": {"saveState": True},
    }
    page_config = {
        "disabledExtensions": {
            "@jupyterlab/apputils-extension:announcements": True,
            "@jupyter/nbgrader": True,
        }
    }
    kernel = {
        "argv": [sys.executable, "-c", START_KERNEL, "-f", "{connection_file}"],
        # the name that the notebooks carry: another one would mark them as changed on opening
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": {"debugger": True},
    }
    files = {
        "config/jupyter_server_config.json": server,
        "config/jupyter_lab_config.json": lab,
        "lab/overrides.json": overrides,
        "lab/page_config.json": page_config,
        "share/kernels/python3/kernel.json": kernel,
    }
    try:
        for name, content in files.items():
            path = ours / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
        language = ours / "settings/@jupyterlab/translation-extension/plugin.jupyterlab-settings"
        if not language.exists():
            language.parent.mkdir(parents=True, exist_ok=True)
            language.write_text('{"locale": "zh_CN"}\n', encoding="utf-8")
    except OSError as error:
        raise from_os_error(error, folder) from error


# --- ports and servers -----------------------------------------------------------------------


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1 at ``port`` now."""
    if not 0 <= port <= 65535:
        raise UserError(f"没有 {port} 这个端口", "用 1024 到 65535 之间的数，如 --port 8899")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name == "posix":  # as the server does: a port just left counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _next_free(port: int) -> int:
    after = (p for p in range(port + 1, min(port + 200, 65536)) if port_is_free(p))
    return next(after, 0)  # 0: let the system choose


def running(folder: Path) -> Server | None:
    """The Jupyter server that already serves ``folder``, if one answers."""
    import psutil
    from jupyter_core.paths import jupyter_runtime_dir

    for record in Path(jupyter_runtime_dir()).glob("jpserver-*.json"):
        try:
            info = json.loads(record.read_text(encoding="utf-8"))
            same = Path(info["root_dir"]).resolve() == folder.resolve()
            if not same or not psutil.pid_exists(info["pid"]):
                continue
            with socket.create_connection((info["hostname"], info["port"]), timeout=2):
                return Server(info["url"], info["token"], info["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # half written, or left by a server that is gone
    return None
