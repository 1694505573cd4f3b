"""What an instructor opens afterwards: pages, tables, terminal. No student's word works there."""

from __future__ import annotations

import csv
import html.parser
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from aigc_course.classroom.sandbox import Sandbox
from aigc_course.cli.main import app
from tests.hostile import hostile_answers, hostile_files
from tests.hostile.attack import found_course, hand_in, solved, with_answer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available()),
]
SCRIPT = "<script>alert(1)</script>"
NAMES = {
    "honest": "李雷",
    "=1+1": '=HYPERLINK("http://127.0.0.1/","x")',
    "@SUM(A1)": "@SUM(1+1)*cmd",
    "+4912345": "+1+1",
    "scripted": f"{SCRIPT}<img src=x onerror=alert(1)>",
    "worded": "\x1b[2J\x1b]0;owned\x07\u202eevil",
    "absent": "-2+3",
    "markup": "{{ 7*7 }}{% for x in y %} [bold red]x[/bold red] $\\href{javascript:1}{x}$",
}


def answer(name: str) -> str:
    return next(attack.code for attack in hostile_answers.WORDS if attack.name == name)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A class whose ids, names, answers and errors are hostile, graded and reported; the output."""
    root = tmp_path_factory.mktemp("reports")
    found_course(root)
    (root / "gradebook.db").unlink()
    (root / "nbgrader_config.py").write_text(
        'c = get_config()\nc.CourseDirectory.course_id = "aigc"\n', encoding="utf-8"
    )
    with open(root / "roll.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["id", "name", "email"], *([i, n, "=1+1"] for i, n in NAMES.items())]
        )
    for student in set(NAMES) - {"absent"}:
        hand_in(root, student, solved())
    hand_in(root, "scripted", with_answer(answer("script_in_its_errors")))
    hand_in(root, "worded", with_answer(answer("half_a_character")))
    hand_in(root, "markup", hostile_files.script_in_open_answer(solved()))
    hand_in(root, "=1+1", hostile_files.stub_with_praise(solved()))
    hand_in(root, "truncated", hostile_files.truncated(solved()))
    roll = ["--roll", str(root / "roll.csv")]
    limits = ["--limits", "seconds=3,memory_mib=256"]
    said = ""
    for arguments in (
        ["grade", str(root / "submitted"), "--workers", "1", *roll, *limits],
        ["report", "ps1", "--course", str(root), *roll, "--lms", "canvas"],
        ["report", "ps1", "--course", str(root), *roll, "--lms", "moodle"],
    ):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, (arguments, result.output, result.exception)
        said += result.output
    yield root, said


class Looked(html.parser.HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append((tag, dict(attributes)))


def pages(root: Path) -> list[Path]:
    return [*root.glob("feedback/**/*.html"), *root.glob("reports/*.html")]


def test_no_word_of_a_student_becomes_markup_on_a_page(course: tuple[Path, str]):
    found = pages(course[0])
    assert len(found) > len(NAMES)
    shown = ""
    for path in found:
        text = path.read_text(encoding="utf-8")
        shown += text
        for tag, attributes in Looked(text).tags:
            assert tag not in ("script", "img", "iframe", "object", "embed", "link", "base", "form")
            for name, value in attributes.items():
                assert not name.startswith("on") and name not in ("srcdoc", "action"), (path, tag)
                assert not (value or "").strip().lower().startswith(("javascript:", "data:")), tag
                if name in ("href", "src"):
                    assert not (value or "").startswith(("http:", "https:", "//")), value
        assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text, path
    assert "&lt;script&gt;" in shown  # it is there to be read
    assert "{{ 7*7 }}" in shown


def test_no_cell_of_a_table_is_a_formula(course: tuple[Path, str]):
    tables = list(course[0].glob("reports/*.csv"))
    assert len(tables) == 3
    for path in tables:
        text = path.read_text(encoding="utf-8-sig")
        assert "\x1b" not in text and "\x07" not in text
        for row in csv.reader(text.splitlines()):
            for cell in row:
                formula = re.match(r"\s*[=+\-@\t\r＝＋－＠]", cell)
                assert not formula or re.fullmatch(r"-?\d+(\.\d+)?", cell), (path.name, cell)


def test_the_terminal_shows_text_and_obeys_nothing(course: tuple[Path, str]):
    _, said = course
    bare = re.sub(r"\x1b\[[0-9;?]*[mKhlAG]", "", said)  # colours and lines of the progress bar
    assert "\x1b" not in bare and "\x07" not in bare and "\u202e" not in bare


def test_what_formgrader_shows_is_harmless(course: tuple[Path, str]):
    """Formgrader renders the autograded notebooks into the instructor's own browser."""
    notebooks = list(course[0].glob("autograded/*/ps1/*.ipynb"))
    assert notebooks
    from nbconvert.filters import markdown2html

    for path in notebooks:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", ()):
                kinds = set(output.get("data", {}))
                assert "application/javascript" not in kinds
                assert SCRIPT not in "".join(output.get("data", {}).get("text/html", ""))
            if cell.cell_type == "markdown":
                text = markdown2html(cell.source)
                assert "<script" not in text.lower() and "onerror=" not in re.sub(
                    "&[^;]*;[^<]*", "", text
                )
                assert 'href="javascript' not in text.lower()


def test_every_name_and_id_is_there_once(course: tuple[Path, str]):
    path = next(course[0].glob("reports/*grades.csv"))
    rows = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    ids = [row[0].removeprefix("'") for row in rows[1:]]
    assert sorted(ids) == sorted({*NAMES, "truncated"})
