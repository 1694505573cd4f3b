"""The learner's version, unanswered, runs to its end, and every check says kindly what is asked."""

import pytest

from aigc_course.authoring.notebooks import execute, problems
from aigc_course.authoring.student import student_version


@pytest.mark.timeout(600)
def test_run_all_reaches_the_end(path, notebook, tmp_path):
    student = student_version(notebook)
    execute(student, tmp_path)  # another folder: a lesson needs nothing that lies beside it
    assert problems(student) == []
    for cell in student.cells:
        grading = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and grading.get("grade"):
            said = "".join(str(o.get("data", {}).get("text/plain", "")) for o in cell.outputs)
            assert "还没作答" in said, f"{cell.id}: {said or '没有输出'}"
