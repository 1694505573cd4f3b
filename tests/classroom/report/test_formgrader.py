"""A real Jupyter server with nbgrader's formgrader on a course that ``aigc report`` has filled."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from aigc_course.classroom.report import gradebook, manual_marks
from aigc_course.classroom.report.standing import standings
from aigc_course.classroom.submission.roll import Person
from tests.classroom.report.test_gradebook import BOOK, wrong
from tests.support import report_class as rc
from tests.support.real_server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.server]
TOKEN = "test-token"


class Formgrader:
    """The server, asked as formgrader's own pages ask it."""

    def __init__(self, root: Path, port: int) -> None:
        self.root, self.port = root, port

    def ask(self, path: str, method: str = "GET", body: object = None) -> str:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"http://127.0.0.1:{self.port}/formgrader/{path}", data, method=method)
        request.add_header("Authorization", f"token {TOKEN}")
        with urlopen(request, timeout=60) as answer:
            return str(answer.read().decode("utf-8"))

    def api(self, path: str, method: str = "GET", body: object = None) -> Any:
        return json.loads(self.ask(f"api/{path}", method, body))

    def of(self, student: str, what: str) -> dict[str, dict[str, Any]]:
        """Grades or comments of one student's notebook, by cell."""
        rows = self.api(f"{what}?submission_id={self.submission(student)}")
        return {row["name"]: row for row in rows}

    def submission(self, student: str) -> str:
        (id,) = [
            s["id"] for s in self.api(f"submitted_notebooks/ps1/{BOOK}") if s["student"] == student
        ]
        return str(id)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    beside = str(Path(sys.executable).parent)  # alembic, jupyter-…
    return {
        **os.environ,
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "PATH": beside + os.pathsep + os.environ["PATH"],
    }


@pytest.fixture(scope="module")
def formgrader(
    tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]
) -> Iterator[Formgrader]:
    root = tmp_path_factory.mktemp("course")
    assignment = rc.course(root, (BOOK,))
    evil = "**因为**<script>alert('student')</script>"
    marks = [
        wrong(assignment, "s1"),
        rc.perfect(assignment, "s2", evil, name="<script>alert('name')</script>"),
        rc.submission(assignment, "s4", [], "damaged file", reason="不是 JSON"),
    ]
    rc.submitted(root, assignment, marks)
    gradebook.write_gradebook(root, assignment, marks, [Person("s1", "李 雷"), Person("s3", "Zoë")])
    port = free_port()
    command = [sys.executable, "-m", "jupyter_server", f"--ServerApp.root_dir={root}"]
    command += [f"--port={port}", "--ServerApp.port_retries=0", "--no-browser", "--allow-root"]
    command += [f"--IdentityProvider.token={TOKEN}"]
    log = (tmp_path_factory.mktemp("log") / "log.txt").open("w", encoding="utf-8")
    process = subprocess.Popen(
        command, cwd=root, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    server = Formgrader(root, port)
    try:
        for _ in range(600):
            assert process.poll() is None, Path(log.name).read_text(encoding="utf-8")
            try:
                server.api("status")
                break
            except (URLError, ConnectionError):
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def points() -> tuple[float, float]:
    """What the lesson's notebook gives for its exercises, and for its open questions."""
    cells = json.loads((rc.REPOSITORY / "notebooks" / f"{BOOK}.ipynb").read_text("utf-8"))["cells"]
    graded = [cell["metadata"]["nbgrader"] for cell in cells if "nbgrader" in cell["metadata"]]
    code = sum(g["points"] for g in graded if g["grade"] and not g["solution"])
    return code, sum(g["points"] for g in graded if g["grade"] and g["solution"])


def test_the_lists(formgrader: Formgrader):
    (assignment,) = formgrader.api("assignments")
    code, by_hand = points()
    assert (assignment["name"], assignment["max_score"]) == ("ps1", code + by_hand)
    assert assignment["num_submissions"] == 3
    rows = {row["student"]: row for row in formgrader.api("submissions/ps1")}
    assert set(rows) == {"s1", "s2", "s4"}
    assert all(row["autograded"] for row in rows.values())
    assert rows["s2"]["code_score"] == code and rows["s4"]["needs_manual_grade"]
    assert {row["id"] for row in formgrader.api("students")} >= {"s1", "s2", "s3", "s4"}
    for page in ("manage_assignments", "gradebook", "gradebook/ps1", f"gradebook/ps1/{BOOK}"):
        assert "<title>nbgrader formgrade</title>" in formgrader.ask(page)


def test_the_page_for_marking_by_hand(formgrader: Formgrader):
    html = formgrader.ask(f"submissions/{formgrader.submission('s1')}/")
    assert 'id="open-03-q1"' in html and 'id="check-03-2"' in html  # fields for the marks
    assert 'id="ex-03-2-comment"' in html
    assert "✗ db 的值" in html and "<strong>因为</strong>" in html
    assert "要相加" in formgrader.of("s1", "comments")["ex-03-2"]["auto_comment"]


def test_scripts_of_students_do_not_run_there(formgrader: Formgrader):
    html = formgrader.ask(f"submissions/{formgrader.submission('s2')}/")
    assert "alert(" in html
    assert not re.search(r"<script>\s*alert", html)


def test_a_mark_given_there_reaches_the_tables_and_stays(formgrader: Formgrader):
    grade = formgrader.of("s1", "grades")["open-03-q1"]
    assert grade["auto_score"] is None and grade["needs_manual_grade"]
    body = {"manual_score": 4.5, "extra_credit": None}
    answer = formgrader.api(f"grade/{grade['id']}", "PUT", body)
    assert not answer["needs_manual_grade"]
    comment = formgrader.of("s1", "comments")["open-03-q1"]
    formgrader.api(f"comment/{comment['id']}", "PUT", {"manual_comment": "第二点缺理由"})
    root = formgrader.root
    from aigc_course.classroom.assignment.record import Assignment

    assignment = Assignment.load(root, "ps1")
    mark = wrong(assignment, "s1")
    gradebook.write_gradebook(root, assignment, [mark])  # while the server has it open
    manual = manual_marks.read_manual(root, assignment)
    assert manual["s1", "open-03-q1"].comment == "第二点缺理由"
    (line,) = standings(assignment, [mark], manual=manual)
    assert line.open == {"03.q1": 4.5}
    assert formgrader.of("s1", "grades")["open-03-q1"]["manual_score"] == 4.5


@pytest.mark.parametrize(
    ("exporter", "blank"),
    [("", False), ("aigc_course.classroom.report.exporter.BlankNotZero", True)],
)
def test_nbgrader_export(formgrader: Formgrader, environment, exporter, blank, tmp_path):
    to = tmp_path / "out.csv"
    command = [sys.executable, "-m", "nbgrader", "export", "--to", str(to)]
    command += [f"--exporter={exporter}"] if exporter else []
    subprocess.run(command, cwd=formgrader.root, env=environment, check=True, timeout=120)
    rows = csv.DictReader(io.StringIO(to.read_text(encoding="utf-8-sig")))
    scores = {row["student_id"]: row["score"] for row in rows}
    assert set(scores) == {"s1", "s2", "s3", "s4"}
    # nbgrader's own makes a zero of what nobody graded; ours does not
    assert scores["s4"] == scores["s3"] == ("" if blank else "0.0")
