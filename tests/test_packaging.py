"""The lock, the Makefile and the wheel: what a fresh machine gets."""

from __future__ import annotations

import ast
import base64
import csv
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aigc_course import __version__
from aigc_course.cli.packages import lock_file
from tests.support.real_server import run_cells, started

# --- the lock --------------------------------------------------------------------------------

SYSTEMS = [("linux", "Linux", "posix"), ("darwin", "Darwin", "posix"), ("win32", "Windows", "nt")]


def lock_lines(repository: Path) -> list[str]:
    lines = (repository / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_lock_has_exact_pins_and_no_addresses(repository: Path) -> None:
    for line in lock_lines(repository):
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*( ; .+)?", line), line
        assert "://" not in line
    text = (repository / "requirements.lock").read_text(encoding="utf-8")
    assert "torch==2.13.0\n" in text
    assert not re.search(r"^(nvidia|cuda|triton)", text, re.M)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s[0])
def test_every_declared_package_is_locked_everywhere(
    repository: Path, system: tuple[str, str, str], version: str
) -> None:
    env = {
        "sys_platform": system[0],
        "platform_system": system[1],
        "os_name": system[2],
        "python_version": version,
        "python_full_version": f"{version}.1",
    }
    pins = {}
    for line in lock_lines(repository):
        pin = Requirement(line)
        if pin.marker is None or pin.marker.evaluate(env):
            pins[canonicalize_name(pin.name)] = next(iter(pin.specifier)).version
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    wanted = [text for group in groups for text in group]
    for text in wanted:
        need = Requirement(text)
        if need.marker is not None and not need.marker.evaluate(env):
            continue  # not for this system
        name = canonicalize_name(need.name)
        assert name in pins, f"{name} is not locked on {system[0]}"
        assert need.specifier.contains(pins[name], prereleases=True), text


def test_one_version_number(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    changes = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{__version__}]" in changes


def test_conda_reads_the_same_lock(repository: Path) -> None:
    text = (repository / "environment.yml").read_text(encoding="utf-8")
    assert "name: aigc" in text and "- -r requirements.lock" in text and "python >=3.11" in text


# --- the Makefile ----------------------------------------------------------------------------

make = pytest.mark.skipif(
    shutil.which("make") is None or os.name != "posix", reason="needs make and a POSIX shell"
)


def run_make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=env, capture_output=True, encoding="utf-8", timeout=60
    )


@pytest.fixture
def clone(repository: Path, tmp_path: Path) -> Path:
    """A folder with an awkward name that holds what the Makefile looks at, but no environment."""
    folder = tmp_path / "课程 克隆"
    folder.mkdir()
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(repository / name, folder)
    return folder


def fake_python(path: Path, version: tuple[int, int]) -> Path:
    """A stand-in: answers what the Makefile asks a Python, and notes all else it is given."""
    supported = int(version >= (3, 11))
    path.write_text(
        "#!/bin/sh\n"
        f'case "$1" in -V) echo "Python {version[0]}.{version[1]}.0";;\n'
        f'-c) case "$2" in *version_info*) exit {1 - supported};; esac;; esac\n'
        'case "$1 $2" in "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; esac\n'
        'case "$2" in *"open("*"wb"*) printf x > .venv/installed;; esac\n'
        'echo "$@" >> calls.txt\n',
        encoding="utf-8",
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@make
def test_make_help_names_every_target(repository: Path) -> None:
    done = run_make(repository, "help")
    for target in ("lab", "test", "quick", "notebooks", "bench", "lock", "lint"):
        assert f"make {target} " in done.stdout


@make
def test_make_tells_an_old_python(clone: Path) -> None:
    old = fake_python(clone / "python-old", (3, 9))
    done = run_make(clone, "lab", f"PYTHON={old}")
    assert done.returncode != 0
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("✗")]
    assert "是 Python 3.9.0，课程要 3.11 以上 → " in line
    assert not (clone / ".venv").exists()


@make
def test_make_tells_a_missing_python(clone: Path) -> None:
    done = run_make(clone, "lab", "PYTHON=no-such-python")
    assert done.returncode != 0
    assert "✗ 找不到 no-such-python → " in done.stderr


@make
def test_make_lab_installs_once_and_hands_arguments_on(clone: Path) -> None:
    new = fake_python(clone / "python new", (3, 12))
    done = run_make(clone, "lab", f"PYTHON={new}", "ARGS=--no-browser --port 8899")
    assert done.returncode == 0, done.stderr
    calls = (clone / "calls.txt").read_text(encoding="utf-8").splitlines()
    assert "-m venv .venv" in calls
    assert any("pip install" in call and "-r requirements.lock" in call for call in calls)
    assert any(
        "pip install" in call and call.endswith("--no-deps --no-build-isolation -e .")
        for call in calls
    )
    assert calls[-1] == "-m aigc_course lab --no-browser --port 8899"


@make
def test_make_does_not_install_twice(repository: Path, clone: Path) -> None:
    """With a real interpreter in place and the stamp written, only the command itself runs."""
    (clone / ".venv" / "bin").mkdir(parents=True)
    python = clone / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    (clone / ".venv" / "installed").write_text(sys.prefix, encoding="utf-8")
    assert "pip" not in run_make(clone, "-n", "lab").stdout
    # moved: the stamp names another place
    (clone / ".venv" / "installed").write_text("/elsewhere/.venv", encoding="utf-8")
    assert "pip install" in run_make(clone, "-n", "lab").stdout
    # a new lock
    (clone / ".venv" / "installed").write_text(sys.prefix, encoding="utf-8")
    os.utime(clone / ".venv" / "installed", (1, 1))
    assert "pip install" in run_make(clone, "-n", "lab").stdout


def test_ci_runs_make_test(repository: Path) -> None:
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert script.startswith("#!/usr/bin/env bash\n") and "set -euo pipefail" in script
    assert "make test" in script


# --- the editable install --------------------------------------------------------------------


@pytest.fixture
def gbk(tmp_path: Path) -> dict[str, str]:
    """The environment of a GBK locale, made on the spot: few systems have one ready."""
    name = "zh_CN.GBK"
    if shutil.which("localedef") is None:
        pytest.skip("localedef is not installed")
    done = subprocess.run(["localedef", "-i", "zh_CN", "-f", "GBK", tmp_path / name])
    if done.returncode > 1:  # 1: warnings
        pytest.skip("no definition of zh_CN on this system")
    return {"LOCPATH": str(tmp_path), "LC_ALL": name}


@pytest.fixture
def installed(repository: Path, tmp_path: Path) -> Path:
    """The interpreter of a new environment that has the course from a clone, as ``pip -e`` does.

    The first name in UTF-8 is no GBK: an odd number of bytes before the blank.
    """
    clone = tmp_path / "课 程" / "从零"
    (clone / "aigc_course").mkdir(parents=True)
    names = ["pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "LICENSE-text"]
    for name in [*names, "requirements.lock", "aigc_course/__init__.py"]:
        shutil.copy(repository / name, clone / name)
    build = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, tmp_path], cwd=clone, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clone / ".venv"], check=True)
    python = clone / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    ask = [python, "-c", "import sysconfig; print(ascii(sysconfig.get_path('purelib')))"]
    site = ast.literal_eval(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)
    zipfile.ZipFile(wheel).extractall(site)
    return python


class TestEditable:
    START = "import aigc_course, os; print(os.fsencode(aigc_course.__file__))"

    def starts(self, python: Path, elsewhere: Path, locale: dict[str, str]) -> None:
        env = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **locale}
        env.pop("PYTHONPATH", None)
        done = subprocess.run(
            [python, "-c", self.START], cwd=elsewhere, env=env, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
        found = os.fsdecode(ast.literal_eval(done.stdout.decode("ascii")))
        assert Path(found).samefile(python.parents[2] / "aigc_course" / "__init__.py")

    def test_the_interpreter_starts_in_the_locale_c(self, installed: Path, tmp_path: Path) -> None:
        self.starts(installed, tmp_path, {"LC_ALL": "C"})

    def test_the_interpreter_starts_in_a_gbk_locale(
        self, installed: Path, tmp_path: Path, gbk: dict[str, str]
    ) -> None:
        self.starts(installed, tmp_path, gbk)

    def test_the_wheel_is_whole(self, installed: Path, tmp_path: Path) -> None:
        """Each file as its list of contents says, or pip would leave it behind or refuse it."""
        (path,) = tmp_path.glob("*.whl")
        with zipfile.ZipFile(path) as wheel:
            (record,) = (name for name in wheel.namelist() if name.endswith("/RECORD"))
            rows = list(csv.reader(wheel.read(record).decode("utf-8").splitlines()))
            assert sorted(row[0] for row in rows) == sorted(wheel.namelist())
            for name, digest, size in rows:
                if name != record:
                    content = wheel.read(name)
                    told = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
                    assert (f"sha256={told.decode().rstrip('=')}", str(len(content))) == (
                        digest,
                        size,
                    )


# --- the wheel -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The wheel, built as ``pip install .`` builds it, from a copy of the tree."""
    base = tmp_path_factory.mktemp("wheel")
    tree = base / "tree"
    skip = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", "tests", "我的课程")
    shutil.copytree(repository, tree, ignore=skip)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--wheel-dir",
        str(base),
        str(tree),
    ]
    if find_spec("hatchling"):
        command.insert(4, "--no-build-isolation")
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    if done.returncode and not find_spec("hatchling"):
        pytest.skip(f"hatchling is not installed and could not be fetched: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = base.glob("*.whl")
    yield path


@pytest.mark.wheel
@pytest.mark.slow
class TestWheel:
    def test_everything_travels(self, repository: Path, wheel: Path) -> None:
        names = set(zipfile.ZipFile(wheel).namelist())
        lessons = [p.name for p in (repository / "notebooks").glob("[0-9][0-9]_*.ipynb")]
        wanted = [f"aigc_course/_notebooks/{name}" for name in lessons]
        for entry in (repository / "data" / "manifest").glob("*.toml"):
            item = tomllib.loads(entry.read_text("utf-8"))
            inside = "_data/" if item.get("root", "data") == "data" else ""
            wanted.append(f"aigc_course/{inside}{item['file']}")
            if "licence_file" in item:
                wanted.append(f"aigc_course/{inside}{item['licence_file']}")
            wanted.append(f"aigc_course/_data/cards/{entry.stem}.md")
            wanted.append(f"aigc_course/_data/manifest/{entry.name}")
        wanted += ["aigc_course/requirements.lock"]
        assert [name for name in wanted if name not in names] == []
        assert {Path(n).name for n in names if "/licenses/" in n} == {"LICENSE", "LICENSE-text"}

    def test_nothing_else_does(self, wheel: Path) -> None:
        names = zipfile.ZipFile(wheel).namelist()
        tops = {name.split("/")[0] for name in names}
        assert tops == {"aigc_course", f"aigc_course-{__version__}.dist-info"}
        odd = [n for n in names if re.search(r"ipynb_checkpoints|__pycache__|\.aigc/|/tests/", n)]
        assert odd == []

    @pytest.mark.server
    @pytest.mark.timeout(300)
    def test_lab_runs_from_it_in_any_folder(self, wheel: Path, tmp_path: Path) -> None:
        """As installed elsewhere: no clone in sight, blanks and Chinese in the folder's name."""
        site = tmp_path / "已安装 site"
        zipfile.ZipFile(wheel).extractall(site)
        folder = tmp_path / "随便 哪里" / "学 习"
        command = [sys.executable, "-m", "aigc_course", "lab"]
        with started(folder, tmp_path / "home", command, PYTHONPATH=str(site)) as running:
            lessons = sorted(p.name for p in (site / "aigc_course" / "_notebooks").glob("*.ipynb"))
            assert sorted(p.name for p in folder.glob("*.ipynb")) == lessons
            where, checks, lock = run_cells(
                running,
                [
                    "import aigc_course; print(aigc_course.__file__)",
                    "from aigc_course import data; print({c.status for c in data.verify()})",
                    "from aigc_course.cli.packages import lock_file; print(lock_file())",
                ],
            )
        assert Path(where.strip()).is_relative_to(site)
        assert checks.strip() == "{'ok'}"
        assert Path(lock.strip()).is_relative_to(site)


def test_the_lock_in_the_clone_is_found(repository: Path) -> None:
    assert lock_file() == repository / "requirements.lock"
