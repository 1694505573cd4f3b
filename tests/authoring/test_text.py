"""The text form of a notebook is the notebook: nothing is lost on the way there and back."""

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.authoring.student import CODE_STUB, TEXT_STUB, student_version
from aigc_course.authoring.text import apply_text, from_text, to_text

LESSON = '''%%% md intro
# 标题

$$ y = Wx $$

%%% code sum tags=nbval-ignore-output
1 + 1

%%% answer 03.2
def twice(x):
    """Two times x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

%%% check 03.2 points=3
check("03.2", twice)

%%% open 03.q1 points=5
### BEGIN SOLUTION
参考答案
### END SOLUTION
'''


def test_round_trip():
    assert to_text(from_text(LESSON)) == LESSON


line = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20).filter(
    lambda s: not s.startswith("%%%") and "\x85" not in s
)
body = st.lists(line, max_size=5).map("\n".join).map(lambda s: s.strip("\n"))


@given(st.lists(st.tuples(st.sampled_from(["md", "code"]), body), max_size=6))
def test_any_source_survives(cells):
    text = "\n".join(f"%%% {kind} c{i}\n{source}\n" for i, (kind, source) in enumerate(cells))
    notebook = from_text(text)
    assert [cell.source for cell in notebook.cells] == [source for _, source in cells]
    assert [c.source for c in from_text(to_text(notebook)).cells] == [s for _, s in cells]


def test_grading_metadata_is_valid_for_nbgrader():
    from nbgrader.nbgraderformat.v3 import MetadataValidatorV3

    notebook = from_text(LESSON)
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.setdefault("cell_type", cell.cell_type)
            MetadataValidatorV3().validate_cell(cell)
    ids = [c.metadata.nbgrader.grade_id for c in notebook.cells if "nbgrader" in c.metadata]
    assert ids == ["ex-03-2", "check-03-2", "open-03-q1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hello\n%%% md a\n", "before the first"),
        ("%%% md a\n\n%%% code a\n", "two cells with one id: a"),
        ("%%% prose a\n", "KIND one of"),
        ("%%% md\n", "KIND ID"),
        ("%%% md Größe\n", "may hold only"),
        ("%%% answer 3.2\n", "wanted a number like 03.2"),
        ("%%% code a colour=red\n", "unknown option colour"),
    ],
)
def test_a_bad_header_is_named(text, words):
    with pytest.raises(ValueError, match=words):
        from_text(text)


def test_outputs_of_unchanged_cells_are_kept(tmp_path):
    path, text = tmp_path / "课 程.ipynb", tmp_path / "课 程.txt"
    notebook = from_text("%%% code a\n1\n\n%%% code b\n2\n")
    for cell in notebook.cells:
        cell.execution_count = 1
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=cell.source)]
    nbformat.write(notebook, path)
    text.write_text("%%% code b\n2\n\n%%% code a\n3\n", encoding="utf-8")
    new = apply_text(text, path)
    assert [(c.id, len(c.outputs)) for c in new.cells] == [("b", 1), ("a", 0)]


def test_student_version_has_no_solutions_and_leaves_the_source_alone():
    source = from_text(LESSON)
    before = nbformat.writes(source)
    student = student_version(source)
    answer, checked, opened = student.cells[2:]
    assert "return 2" not in answer.source and answer.source.count("NotImplementedError") == 1
    assert CODE_STUB.splitlines()[-1] in answer.source
    assert opened.source == TEXT_STUB
    assert checked.metadata.editable is False
    assert nbformat.writes(source) == before
    namespace: dict = {}
    exec(answer.source, namespace)  # the stub is valid Python where it stands
    with pytest.raises(NotImplementedError, match="还没作答"):
        namespace["twice"](1)


def test_a_solution_outside_a_solution_cell_is_refused():
    stray = from_text("%%% code a\n### BEGIN SOLUTION\n1\n### END SOLUTION\n")
    with pytest.raises(ValueError, match="solution"):
        student_version(stray)
