"""``aigc lab`` against a real server process: it answers, in Chinese, with our kernel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import nbformat
import pytest

from aigc_course.classroom.workspace import jupyter
from aigc_course.classroom.workspace.lessons import notebooks_source
from aigc_course.errors import UserError
from tests.support.real_server import AIGC, Running, run_cells, started

LANGUAGE = "/lab/api/settings/@jupyterlab/translation-extension:plugin"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    base = tmp_path_factory.mktemp("lab")
    # somebody else's kernel of the same name must not be taken
    other = base / "home" / "data" / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text('{"argv": ["nothing"], "display_name": "x"}')
    with started(base / "我的 课程", base / "home", AIGC) as running:
        yield running


@pytest.mark.server
@pytest.mark.slow
class TestServer:
    def test_it_answers_only_with_the_token(self, server: Running) -> None:
        assert "version" in server.ask("/api")
        stranger = Running(server.port, "wrong", server.folder, server.runtime, "")
        with pytest.raises(HTTPError) as caught:
            stranger.ask("/api/contents")
        caught.value.close()
        assert caught.value.code == 403

    def test_it_listens_on_this_machine_only(self, server: Running) -> None:
        import psutil

        addresses = {
            c.laddr.ip
            for c in psutil.net_connections("inet")
            if c.status == psutil.CONN_LISTEN and c.laddr.port == server.port
        }
        assert addresses == {"127.0.0.1"}

    def test_the_copy_is_there_and_shown(self, server: Running) -> None:
        expected = sorted(p.name for p in notebooks_source().glob("[0-9][0-9]_*.ipynb"))
        listed = json.loads(server.ask("/api/contents"))["content"]
        assert sorted(entry["name"] for entry in listed) == expected
        assert sorted(p.name for p in server.folder.glob("*.ipynb")) == expected

    def test_the_welcome_notebook_is_what_opens(self, server: Running) -> None:
        first = jupyter.first_page(server.folder)
        assert f"/lab/tree/{first}?token=" in server.output
        assert "config" in server.ask(f"/lab/tree/{first}").lower()

    def test_the_interface_is_chinese(self, server: Running) -> None:
        assert json.loads(server.ask(LANGUAGE))["settings"]["locale"] == "zh_CN"
        names = json.loads(server.ask("/lab/api/translations/"))["data"]
        assert names["zh_CN"]["displayName"].startswith("中文")
        menu = json.loads(server.ask("/lab/api/translations/zh_CN"))["data"]["jupyterlab"]
        assert menu["About the %1 Kernel"] == ["关于 %1 内核"]

    def test_nothing_is_fetched_from_a_network(self, server: Running) -> None:
        page = server.ask("/lab")
        config = json.loads(
            re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.S)[1]  # type: ignore[index]
        )
        assert "@jupyterlab/apputils-extension:announcements" in config["disabledExtensions"]
        assert config["news"] == {"disabled": True}
        notices = json.loads(
            server.ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")
        )
        wanted = notices["schema"]["properties"]
        assert wanted["fetchNews"]["default"] == "false"
        assert wanted["checkForUpdates"]["default"] is False

    def test_the_kernel_is_ours(self, server: Running) -> None:
        code = "import sys, os, aigc_course; print(sys.executable); print(aigc_course.__file__)"
        threads = "print(os.environ['OMP_NUM_THREADS'], os.environ.get('AIGC_HEADLESS'))"
        where, count = run_cells(server, [code, threads])
        assert where.splitlines()[0] == sys.executable
        assert Path(where.splitlines()[1]).samefile(
            jupyter.__file__.replace("classroom/workspace/jupyter", "__init__")
        )
        assert count.split() == [os.environ["OMP_NUM_THREADS"], "None"]

    @pytest.mark.timeout(300)
    def test_a_kernel_runs_the_first_notebook(self, server: Running) -> None:
        first = jupyter.first_page(server.folder)
        if not first:
            pytest.skip("the course has no notebook yet")
        notebook = nbformat.read(server.folder / first, as_version=4)
        run_cells(server, [c.source for c in notebook.cells if c.cell_type == "code"])

    def test_a_second_start_finds_the_first(
        self, server: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.runtime))
        said: list[str] = []
        assert jupyter.launch(server.folder, browser=False, say=said.append) == 0
        assert f":{server.port}/lab" in said[0]

    def test_a_busy_port_is_one_line(self, server: Running, tmp_path: Path) -> None:
        done = subprocess.run(
            [*AIGC, str(tmp_path / "x"), "--no-browser", "--port", str(server.port)],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert done.returncode == 1
        assert re.fullmatch(
            rf"✗ 端口 {server.port} 已被占用 → 换一个：aigc lab --port \d+\n", done.stderr
        )


@pytest.mark.server
@pytest.mark.slow
def test_a_language_chosen_by_the_learner_survives_a_restart(tmp_path: Path) -> None:
    folder, home = tmp_path / "f", tmp_path / "home"
    with started(folder, home, AIGC) as first:
        first.ask(LANGUAGE, "PUT", {"raw": '{"locale": "en"}'})
    with started(folder, home, AIGC) as second:
        assert json.loads(second.ask(LANGUAGE))["settings"]["locale"] == "en"
    # and nothing was written into the user's own Jupyter configuration
    assert not list((home / "config").rglob("*settings*"))


@pytest.mark.server
@pytest.mark.slow
def test_further_arguments_reach_jupyterlab(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FOLDER_FIRST, "--IdentityProvider.token=abc123"]
    with started(tmp_path / "f", tmp_path / "home", command) as running:
        assert running.token == "abc123"


def named_like_modules(folder: Path) -> None:
    """A learner's own files: some with names of the standard library, one with a package's."""
    folder.mkdir()
    for name in ("random", "re", "string", "numpy"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the learner')\n")
    (folder / "my_layers.py").write_text("WIDTH = 42\n")


@pytest.mark.server
@pytest.mark.slow
def test_files_named_like_modules_stop_neither_server_nor_kernel(tmp_path: Path) -> None:
    folder = tmp_path / "我的 课程"
    named_like_modules(folder)
    with started(folder, tmp_path / "home", AIGC) as running:
        told = [line for line in running.output.splitlines() if line.startswith("⚠")]
        assert told == [
            f"⚠ {folder / 'numpy.py'} 会顶替软件包 numpy，笔记本里 import numpy 会出错 → 给它改名"
        ]
        library, own = run_cells(
            running,
            [
                "import random, re, string; print(random.__file__)",
                "import my_layers; print(my_layers.WIDTH)",
            ],
        )
    assert own == "42\n"
    assert not Path(library.strip()).is_relative_to(folder)


def test_the_command_starts_among_files_named_like_modules(tmp_path: Path) -> None:
    folder = tmp_path / "课"
    named_like_modules(folder)
    done = subprocess.run(
        [sys.executable, "-m", "aigc_course", "--help"],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    assert "aigc lab" in done.stdout


def test_only_what_hides_an_installed_package_is_named(tmp_path: Path) -> None:
    named_like_modules(tmp_path / "课")
    (tmp_path / "课" / "torch").mkdir()
    assert jupyter.shadowing_files(tmp_path / "课") == ["numpy.py"]  # a folder without __init__.py
    (tmp_path / "课" / "torch" / "__init__.py").touch()
    (tmp_path / "课" / "aigc_course.py").touch()
    expected = ["aigc_course.py", "numpy.py", "torch"]
    assert jupyter.shadowing_files(tmp_path / "课") == expected


# puts the folder, which started() appends, before the other arguments
FOLDER_FIRST = """
import sys
from aigc_course.cli.main import main
token, folder, *rest = sys.argv[1:]
sys.argv = ["aigc", "lab", folder, token, *rest]
main()
"""


def test_no_such_port() -> None:
    with pytest.raises(UserError, match="没有 99999 这个端口"):
        jupyter.port_is_free(99999)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(jupyter.NEEDED, "no_such_module", "no-such-package")
    with pytest.raises(UserError, match="缺少软件包 no-such-package"):
        jupyter.launch(tmp_path)


def test_a_server_that_does_not_start_is_told(tmp_path: Path) -> None:
    jupyter.write_setup(tmp_path)
    with pytest.raises(UserError, match="没有启动起来"):
        jupyter.launch(tmp_path, browser=False, extra=["--no-such-option"])


def test_threads_already_set_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    monkeypatch.setenv("AIGC_THREADS", "3")
    env = jupyter.environment(tmp_path)
    assert (env["OMP_NUM_THREADS"], env["MKL_NUM_THREADS"]) == ("7", "3")


def test_the_first_page(tmp_path: Path) -> None:
    assert jupyter.first_page(tmp_path) == ""
    (tmp_path / "02_losses.ipynb").touch()
    assert jupyter.first_page(tmp_path) == "02_losses.ipynb"
    (tmp_path / "00_welcome（新版 0.2.0）.ipynb").touch()
    (tmp_path / "00_welcome.ipynb").touch()
    assert jupyter.first_page(tmp_path) == "00_welcome.ipynb"
