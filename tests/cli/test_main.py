"""The ``aigc`` command as a person meets it: help, errors in one line, exit codes."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_course.classroom.workspace import lessons
from aigc_course.cli import doctor, learn, main
from aigc_course.cli.packages import runtime_packages
from aigc_course.places import PACKAGE

COMMANDS = {
    "学": ["lab", "update", "reset", "progress"],
    "检查": ["doctor", "version", "data"],
    "做数据": ["corpus"],
    "写课": ["notebooks", "train", "answers", "new-lesson"],
    "教": ["release", "grade", "report"],
}
LEAVES = [[name] for names in COMMANDS.values() for name in names if name != "data"]
LEAVES += [["data", name] for name in ("verify", "list", "show")]


# what a command needs, the list of commands does not
HEAVY = {"IPython", "distributed", "jupyter_core", "matplotlib", "nbclient", "nbformat", "nbgrader"}
HEAVY |= {"numpy", "psutil", "sqlite3", "torch"}


def aigc(*arguments: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    root = str(PACKAGE.parent)
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "aigc_course", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "NO_COLOR": "1", **env},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The single line of an expected failure: a cause, an arrow, a cure."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.fullmatch(r"✗ [^\n→]+ → [^\n]+\n", done.stderr), done.stderr
    return done.stderr


# --- help ------------------------------------------------------------------------------------


def test_help_lists_every_command() -> None:
    done = aigc("--help")
    assert done.returncode == 0
    panels = re.findall(r"─ (\S+) ─+╮\n(.*?)╰", done.stdout, re.S)
    assert [panel for panel, _ in panels] == ["选项", *COMMANDS]
    for panel, text in panels[1:]:
        assert re.findall(r"^│ (\S+)", text, re.M) == COMMANDS[panel]
    assert "第一次：aigc lab" in done.stdout


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_explains_itself_with_examples(command: list[str]) -> None:
    done = aigc(*command, "--help")
    assert done.returncode == 0
    assert re.search(rf"例 *\n\s+aigc {' '.join(command)}", done.stdout), done.stdout


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_is_in_a_document(command: list[str], repository: Path) -> None:
    documents = [repository / "README.md", repository / "CONTRIBUTING.md"]
    texts = [p.read_text(encoding="utf-8") for p in (*documents, *repository.glob("docs/*.md"))]
    assert any(f"aigc {' '.join(command)}" in text for text in texts)


@pytest.mark.parametrize("words", [["-h"], ["version"], *([*leaf, "-h"] for leaf in LEAVES)])
def test_what_needs_no_library_loads_none(words: list[str]) -> None:
    code = (
        "import sys; sys.argv = ['aigc', *sys.argv[1:]]\n"
        "from aigc_course.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = [sys.executable, "-c", code, *words]
    done = subprocess.run(run, capture_output=True, encoding="utf-8", check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "typer" in loaded
    assert not loaded & HEAVY


# --- expected failures -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["__init__.py", "__main__.py", "cli/__init__.py", "cli/main.py"])
def test_an_old_python_can_read_what_tells_it_so(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text(encoding="utf-8"), feature_version=(3, 7))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.NamedExpr)  # than Python 3.5
    for node in ast.walk(tree):
        assert not isinstance(node, newer), ast.unparse(node)
        assert not isinstance(node, ast.ImportFrom) or node.module != "__future__"


def test_an_unsupported_python_is_told() -> None:
    assert main._too_old((3, 11, 0)) == "" == main._too_old((3, 13, 1))
    assert re.fullmatch(r"这是 Python 3\.10，课程要 3\.11 以上 → .+", main._too_old((3, 10, 9)))


@pytest.mark.parametrize("name", ["python3.10", "python3.9", "python3.8"])
def test_a_real_old_python_is_told(name: str, repository: Path) -> None:
    found = shutil.which(name)
    if not found or subprocess.run([found, "-V"], capture_output=True).returncode:
        pytest.skip(f"no {name} on this machine")
    done = subprocess.run(
        [found, "-m", "aigc_course", "lab"], cwd=repository, capture_output=True, encoding="utf-8"
    )
    assert "课程要 3.11 以上" in one_line(done)


def test_target_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    for command in (["lab", "x", "--no-browser"], ["update", "x"], ["reset", "99", "x"]):
        done = aigc(*command, cwd=tmp_path)
        if command[0] == "reset":
            assert "没有第 99 章" in one_line(done)
        else:
            assert "是一个文件" in one_line(done)


def test_target_in_the_courses_notebooks(repository: Path) -> None:
    assert "带答案的原稿" in one_line(aigc("lab", str(repository / "notebooks" / "x")))


def test_a_read_only_place() -> None:
    if not Path("/proc/version").exists():
        pytest.skip("only Linux has /proc, which even root cannot write to")
    assert "✗" in one_line(aigc("update", "/proc/aigc/我的 课程"))


def test_two_folders_are_one_too_many(tmp_path: Path) -> None:
    done = aigc("lab", "我的", "课程", cwd=tmp_path)
    assert "多出来的参数：课程" in one_line(done)
    assert not (tmp_path / "我的").exists()


@pytest.mark.parametrize("name", ["a b", "我的 课程", "a'b", "课程#1%20"])
def test_odd_folder_names_simply_work(tmp_path: Path, name: str) -> None:
    done = aigc("update", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / ".aigc" / "state.json").is_file() or not list(
        lessons.notebooks_source().glob("*.ipynb")
    )


def test_the_folder_from_the_environment(tmp_path: Path) -> None:
    assert aigc("update", cwd=tmp_path, AIGC_HOME=str(tmp_path / "家")).returncode == 0
    assert (tmp_path / "家" / ".aigc").is_dir()
    assert not (tmp_path / "我的课程").exists()


def test_reset_end_to_end(tmp_path: Path) -> None:
    names = sorted(p.name for p in lessons.notebooks_source().glob("[0-9][0-9]_*.ipynb"))
    if not names:
        pytest.skip("the course has no notebook yet")
    aigc("update", "f", cwd=tmp_path)
    lesson = tmp_path / "f" / names[0]
    first = lesson.read_bytes()
    lesson.write_text("mine", encoding="utf-8")
    done = aigc("reset", names[0][:2], "f", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert lesson.read_bytes() == first
    kept = [p for p in lesson.parent.glob("*留存*")]
    assert [p.read_text(encoding="utf-8") for p in kept] == ["mine"]


# --- data ------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """A copy of the data folder with one wrong byte in the largest file."""
    from aigc_course.data import data_root

    copy = tmp_path / "data"
    shutil.copytree(data_root(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    largest = max((p for p in copy.iterdir() if p.is_file()), key=lambda p: p.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    return copy


def test_data_verify_names_a_damaged_file_and_the_cure(damaged: Path) -> None:
    good = aigc("data", "verify")
    assert good.returncode == 0 and "✓ fashion_mnist" in good.stdout
    bad = aigc("data", "verify", AIGC_DATA=str(damaged))
    assert bad.returncode == 1
    assert "✗ fashion_mnist：文件损坏" in bad.stderr and "修复：" in bad.stderr
    assert bad.stderr.count("sha256") == 2


def test_a_missing_manifest_is_one_line(tmp_path: Path) -> None:
    said = one_line(aigc("data", "list", AIGC_DATA=str(tmp_path)))
    assert said.startswith("✗ 数据有问题（") and said.endswith("→ aigc data verify 逐个检查\n")


def test_lab_and_doctor_warn_of_a_damaged_file(
    damaged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AIGC_DATA", str(damaged))
    learn._warn_about_data()
    assert re.fullmatch(r"! 数据 fashion_mnist：文件损坏 → .+\n", capsys.readouterr().err)
    lines = [line for line in doctor.examine(tmp_path / "f") if line.name == "数据"]
    assert [line.level for line in lines] == ["fail"] and lines[0].cure


def test_data_list_and_show() -> None:
    listed = aigc("data", "list")
    assert "fashion_mnist" in listed.stdout and "MIT" in listed.stdout
    assert "Fashion-MNIST" in aigc("data", "show", "fashion_mnist").stdout
    unknown = aigc("data", "show", "nothing")
    assert "没有叫 nothing 的数据 → 现有：fashion_mnist" in one_line(unknown)


# --- doctor ----------------------------------------------------------------------------------


def test_doctor_looks_at_everything(tmp_path: Path) -> None:
    done = aigc("doctor", str(tmp_path / "f"), "--json")
    report = json.loads(done.stdout)
    names = {check["name"] for check in report["checks"]}
    assert names >= {"Python", "软件包", "PyTorch", "线程", "字体", "数据", "磁盘", "内存"}
    assert names >= {"JupyterLab", "中文界面", "滑块", "评分", "编码", "学习文件夹"}
    assert (done.returncode == 0) is report["ok"]
    assert report["ok"], [check for check in report["checks"] if check["level"] == "fail"]
    assert all(check["cure"] for check in report["checks"] if check["level"] != "ok")


def test_doctor_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    done = aigc("doctor", str(tmp_path / "f"))
    assert done.returncode == 1
    assert re.search(r"^✗ 学习文件夹：.+是一个文件 → .+$", done.stdout, re.M)
    assert "要先解决" in done.stdout


def lock_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> list[doctor.Line]:
    (tmp_path / "requirements.lock").write_text(text)
    monkeypatch.setattr(doctor, "lock_file", lambda: tmp_path / "requirements.lock")
    return list(doctor._packages())


def test_doctor_finds_a_package_of_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = lock_with(tmp_path, monkeypatch, "numpy==1.0\n")
    assert line.level == "warn" and "numpy" in line.found and "锁定 1.0" in line.found


def test_doctor_finds_a_missing_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "runtime_packages", lambda: {"no-such-thing"})
    (line,) = lock_with(tmp_path, monkeypatch, "No_Such_Thing==1.0\n")
    assert line.level == "fail" and "no-such-thing" in line.found and "pip install" in line.cure


def test_a_package_only_authors_need_may_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = lock_with(tmp_path, monkeypatch, "no-such-linter==1.0\n")
    assert line.level == "ok" and "不影响学" in line.found


def test_runtime_packages_follow_the_dependencies() -> None:
    needed = runtime_packages()
    assert {"numpy", "torch", "tornado", "jupyterlab"} <= needed  # tornado only through others
    assert not {"pytest", "ruff", "autograd"} & needed


def test_a_check_that_breaks_is_a_line_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr(doctor, "_memory", broken)
    (line,) = [line for line in doctor.examine(tmp_path) if line.name == "内存"]
    assert line.level == "fail" and "boom" in line.found and line.cure


@pytest.mark.parametrize(("load", "level"), [(0.0, "ok"), (99.0, "warn")])
def test_a_busy_machine_is_noticed(
    monkeypatch: pytest.MonkeyPatch, load: float, level: str
) -> None:
    import psutil

    monkeypatch.setattr(psutil, "getloadavg", lambda: (load, load, load))
    (line,) = doctor._threads()
    assert line.level == level


@pytest.mark.parametrize(("free", "level"), [(0.1, "fail"), (1.0, "warn"), (50.0, "ok")])
def test_disk_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: str
) -> None:
    usage = shutil._ntuple_diskusage(0, 0, int(free * 2**30))  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    (line,) = doctor._disk(tmp_path / "not" / "there")
    assert line.level == level


# --- misuse ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lba"], "没有命令 lba → 是不是 aigc lab"),
        (["xyzzy"], "没有命令 xyzzy → aigc -h"),
        (["data", "veriy"], "没有命令 veriy → 是不是 aigc data verify"),
        (["reset"], "缺少参数 NN → aigc reset -h"),
        (["doctor", "--jsn"], "没有选项 --jsn → 是不是 --json；全部选项：aigc doctor -h"),
        (["lab", "--port", "x"], "选项 --port 的值不对：要一个整数 → aigc lab -h"),
        (["lab", "--port"], "选项 --port 后面要写一个值 → aigc lab -h"),
        (["reset", "01", "a", "b"], "多出来的参数：b → aigc reset -h"),
    ],
)
def test_misuse_is_told_in_one_chinese_line(words: list[str], said: str) -> None:
    done = aigc(*words)
    assert (done.returncode, done.stderr, done.stdout) == (2, f"✗ {said}\n", "")


def test_a_misspelt_option_is_not_handed_on_to_jupyterlab(tmp_path: Path) -> None:
    for word in ("--prot", "--no-brwser", "--prot=8977"):
        done = aigc("lab", "f", word, "8977", cwd=tmp_path)
        assert "没有选项 --" in one_line(done) and "是不是 --" in done.stderr
        assert not (tmp_path / "f").exists(), "nothing has been begun"
    for words in (["--debug"], ["--ServerApp.token=abc"], ["--ip=127.0.0.1"], ["-y"]):
        learn._refuse_misspelled(words)


def test_help_and_version_by_other_names() -> None:
    assert aigc("help").stdout == aigc("--help").stdout
    assert aigc("help", "data", "show").stdout == aigc("data", "show", "-h").stdout
    for words in (["--version"], ["-V"]):
        assert aigc(*words).stdout == aigc("version").stdout != ""


@pytest.mark.parametrize("command", [[], *LEAVES], ids=" ".join)
def test_a_help_page_has_no_english(command: list[str]) -> None:
    text = aigc(*command, "--help").stdout
    for english in ("Usage", "OPTIONS", "ARGS", "Show this", "default:", "required", "Arguments"):
        assert english not in text


def test_a_lesson_to_reset_is_named_by_number_or_name(tmp_path: Path) -> None:
    assert aigc("update", "f", cwd=tmp_path).returncode == 0
    for name in ("1", "01", "01_forward", "01_forward.ipynb", "f/01_forward.ipynb"):
        (tmp_path / "f" / "01_forward.ipynb").write_text("mine", encoding="utf-8")
        done = aigc("reset", name, "f", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "forward" in (tmp_path / "f" / "01_forward.ipynb").read_text(encoding="utf-8")
    assert "没有第 x 章" in one_line(aigc("reset", "x", "f", cwd=tmp_path))


def test_progress_outside_a_folder_says_where_it_looked(tmp_path: Path) -> None:
    said = one_line(aigc("progress", cwd=tmp_path))
    assert "找不到学习文件夹" in said and str(tmp_path / "我的课程") in said
    said = one_line(aigc("progress", cwd=tmp_path, AIGC_HOME=str(tmp_path / "家")))
    assert "AIGC_HOME 说的是" in said


def test_doctor_tries_whether_the_disk_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import tempfile

    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    (line,) = doctor._disk(Path.cwd())
    assert line.level == "fail" and "只读" in line.found and "aigc lab" in line.cure
