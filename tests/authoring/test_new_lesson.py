"""A new lesson stands on its own: it is written beside the others, and all questions pass on it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from aigc_course.authoring.new_lesson import TO_WRITE, plan, write
from aigc_course.authoring.notebooks import normalise, problems
from aigc_course.authoring.text import from_text
from aigc_course.cli.main import app
from aigc_course.errors import UserError
from tests.notebooks import test_documents

REPOSITORY = Path(__file__).parents[2]
NUMBER, SLUG = "97", "try_out"


@pytest.fixture
def clone(tmp_path):
    """As much of a clone as a plan looks at."""
    for folder in ("notebooks", "tests/exercises", "aigc_course/exercises", "aigc_course/data"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("aigc_course/data/loaders", "data/builders", "data/cards"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def names(made, root):
    return [path.relative_to(root).as_posix() for path in [made.notebook, *made.files]]


def test_only_files_of_its_own_are_written(clone):
    made = plan("08", "text_pipeline", root=clone)
    assert names(made, clone) == [
        "notebooks/08_text_pipeline.ipynb",
        "aigc_course/exercises/ex08.py",
        "tests/exercises/test_ex08.py",
    ]
    write(made, run=False)
    there = [path.relative_to(clone).as_posix() for path in clone.rglob("*") if path.is_file()]
    assert sorted(there) == sorted(names(made, clone))
    notebook = nbformat.read(made.notebook, as_version=4)
    assert nbformat.writes(normalise(notebook)) == nbformat.writes(notebook)
    assert notebook.cells[0].source.startswith(f"# 08 · {TO_WRITE}text_pipeline")
    assert "{{" not in made.cells + "".join(made.files.values())
    assert b"\r\n" not in made.notebook.read_bytes()


def test_a_data_set_brings_its_builder_card_and_loader(clone):
    made = plan("08", "x", title="评论", data="reviews", root=clone)
    more = ["data/builders/reviews.py", "data/cards/reviews.md"]
    assert names(made, clone)[3:] == [*more, "aigc_course/data/loaders/reviews.py"]
    assert made.cells.splitlines()[1] == "# 08 · 评论"
    for path, text in made.files.items():
        if path.suffix == ".py":
            compile(text, path.name, "exec")


@pytest.mark.parametrize(
    "taken",
    [
        "notebooks/08_other.ipynb",
        "notebooks/08_x.ipynb",
        "aigc_course/exercises/ex08.py",
        "tests/exercises/test_ex08.py",
        "data/cards/reviews.md",
    ],
)
def test_nothing_is_overwritten(clone, taken):
    (clone / taken).write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=f"已经有了：{re.escape(taken)}"):
        plan("08", "x", data="reviews", root=clone)
    assert (clone / taken).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("8", "x"), "写两位数"),
        (("008", "x"), "写两位数"),
        (("08", "文本"), "名字不能是 文本"),
        (("08", "Text"), "名字不能是 Text"),
        (("08", "../x"), r"名字不能是 \.\./x"),
    ],
)
def test_names_of_another_form(clone, words, said):
    with pytest.raises(UserError, match=said):
        plan(*words, root=clone)


def test_a_folder_that_is_no_clone(tmp_path):
    with pytest.raises(UserError, match="不是课程的仓库"):
        plan("08", "x", root=tmp_path)


def test_it_points_to_its_neighbours(clone):
    for name in ("06_a", "07_b", "09_d"):
        (clone / "notebooks" / f"{name}.ipynb").write_text("{}", encoding="utf-8")
    cells = plan("08", "x", root=clone).cells
    assert "**先修**：[07_b](07_b.ipynb)。" in cells and "下一章是 [09_d](09_d.ipynb)。" in cells
    cells = plan("05", "x", root=clone).cells
    assert "**先修**：无。" in cells and "下一章是 [06_a](06_a.ipynb)。" in cells
    assert "下一章是 11。" in plan("10", "x", root=clone).cells


def test_the_command_prints_what_it_wrote(clone, monkeypatch):
    (clone / "notebooks" / "07_b.ipynb").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(clone)
    done = CliRunner().invoke(app, ["new-lesson", "08", "x", "--no-run"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[:3] == [
        "notebooks/08_x.ipynb",
        "aigc_course/exercises/ex08.py",
        "tests/exercises/test_ex08.py",
    ]
    assert "第 07 章的结尾要提到“08”" in done.output


# --- the skeleton, in a copy of the course -----------------------------------------------------


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with lesson 97 in it; its path has blanks and Chinese."""
    root = tmp_path_factory.mktemp("新课") / "我的 课程"
    root.mkdir()
    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for part in ("aigc_course", "notebooks", "tests", "experiments"):
        shutil.copytree(REPOSITORY / part, root / part, ignore=skip)
    for part in ("manifest", "cards", "builders"):
        shutil.copytree(REPOSITORY / "data" / part, root / "data" / part, ignore=skip)
    for part in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / part, root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    done = run(root, "-m", "aigc_course", "new-lesson", NUMBER, SLUG, "--data", "try_data")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.read_bytes() for path in before} == before, "another file was touched"
    return root


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    environment.pop("AIGC_DATA", None)
    return subprocess.run(
        [sys.executable, *words],
        cwd=root, env=environment, capture_output=True, encoding="utf-8",
    )  # fmt: skip


def passes(root: Path, *words: str) -> str:
    done = run(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-1_000:]
    return done.stdout


@pytest.mark.slow
class TestSkeleton:
    def test_its_own_tests_and_all_that_every_lesson_is_asked_pass(self, course):
        own = f"tests/exercises/test_ex{NUMBER}.py"
        every = ("tests/notebooks", "tests/classroom/submission/test_read.py")
        said = passes(course, own, *every, "-k", f"{NUMBER} or readme")
        assert int(re.search(r"(\d+) passed", said)[1]) > 80

    def test_the_notebook_has_run_and_its_outputs_are_found_again(self, course):
        path = course / "notebooks" / f"{NUMBER}_{SLUG}.ipynb"
        assert problems(nbformat.read(path, as_version=4)) == []
        sanitize = "--nbval-sanitize-with=tests/notebooks/sanitize.cfg"
        plugin = ("--nbval", "-p", "aigc_course.authoring.nbval_plus", sanitize)
        passes(course, *plugin, f"notebooks/{path.name}")

    def test_what_lists_lessons_has_found_it(self, course):
        code = "from aigc_course.judging.catalogue import *; print(chapters(), exercises('97'))"
        done = run(course, "-c", code)
        assert f"'{NUMBER}']" in done.stdout and "'逐列标准化'" in done.stdout, done.stderr

    def test_it_is_written_as_the_linters_want_it(self, course):
        files = [f"aigc_course/exercises/ex{NUMBER}.py", f"tests/exercises/test_ex{NUMBER}.py"]
        files += ["data/builders/try_data.py", "aigc_course/data/loaders/try_data.py"]
        for words in (("check",), ("format", "--check")):
            done = run(course, "-m", "ruff", *words, "--no-cache", *files)
            assert done.returncode == 0, done.stdout
        done = run(course, "-m", "mypy", "--cache-dir", os.devnull, files[0], files[3])
        assert done.returncode == 0, done.stdout


def test_a_finished_lesson_has_to_be_in_the_readme_and_no_other_may(monkeypatch):
    path = Path(f"{NUMBER}_{SLUG}.ipynb")
    begun = from_text(f"%%% md a\n{TO_WRITE}x\n\n%%% code b\n# {TO_WRITE}\n")
    finished = from_text("%%% md a\nx\n")
    ask = test_documents.test_every_finished_lesson_is_in_the_readme
    ask(path, begun)
    with pytest.raises(AssertionError, match=rf"表缺一行：\| \[`{path.stem}`\]"):
        ask(path, finished)
    monkeypatch.setattr(test_documents, "LISTED", [path.stem])
    ask(path, finished)
    with pytest.raises(AssertionError, match=f"却还有 2 处{TO_WRITE}"):
        ask(path, begun)
