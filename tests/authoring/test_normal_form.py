"""Executing and normalising a notebook: only what changed shows in a diff."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from aigc_course.authoring.notebooks import (
    execute,
    facts,
    normalise,
    problems,
    repository_notebooks,
    store,
)
from aigc_course.authoring.text import from_text

LESSON = """%%% md intro
# 标题 四个字

%%% code hello
print("a")
print("b")

%%% code value tags=nbval-ignore-output
1 + 1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    notebook = from_text(LESSON)
    execute(notebook, tmp_path_factory.mktemp("nb"))
    return notebook


def test_two_runs_give_the_same_file(run, tmp_path):
    again = from_text(LESSON)
    execute(again, tmp_path)
    assert nbformat.writes(normalise(run)) == nbformat.writes(normalise(again))


def test_normal_form(run):
    normal = normalise(run)
    assert [c.get("execution_count") for c in normal.cells[1:]] == [1, 2]
    assert [len(c.outputs) for c in normal.cells[1:]] == [1, 1]
    assert normal.cells[1].outputs[0].text == "a\nb\n"
    assert set(normal.metadata) == {"kernelspec", "language_info"}
    assert dict(normal.cells[1].metadata) == {}
    assert nbformat.writes(normalise(normal)) == nbformat.writes(normal)
    assert problems(normal) == []


def test_a_widget_leaves_only_its_words():
    notebook = from_text("%%% code w\n1\n")
    data = {
        "application/vnd.jupyter.widget-view+json": {"model_id": "x"},
        "text/plain": "滑块",
    }
    notebook.cells[0].outputs = [nbformat.v4.new_output("display_data", data=data)]
    assert dict(normalise(notebook).cells[0].outputs[0].data) == {"text/plain": "滑块"}


def test_code_that_only_draws_is_folded_and_exercises_never_are():
    cell, answer = from_text("%%% code a tags=figure\n1\n\n%%% answer 03.1\n2\n").cells
    notebook = normalise(nbformat.v4.new_notebook(cells=[cell, answer]))
    assert notebook.cells[0].metadata.jupyter == {"source_hidden": True}
    assert "jupyter" not in notebook.cells[1].metadata
    assert nbformat.writes(normalise(notebook)) == nbformat.writes(notebook)
    answer.metadata["tags"] = ["figure"]
    both = nbformat.v4.new_notebook(cells=[cell, answer])
    assert "ex-03-1: an exercise must not be folded (tag figure)" in problems(both)


def test_what_may_not_be_stored_is_named():
    notebook = from_text("%%% code a\n1\n\n%%% code b\n2\n\n%%% code c\n3\n")
    a, b, c = notebook.cells
    a.execution_count = b.execution_count = 1
    a.outputs = [nbformat.v4.new_output("error", ename="ValueError", evalue="x", traceback=[])]
    b.outputs = [nbformat.v4.new_output("stream", name="stderr", text="Warning: y\n")]
    c.metadata["tags"] = ["nbval-ignore-ouput"]
    found = "\n".join(problems(notebook))
    wanted = [
        "a: stored error ValueError",
        "b: writes to stderr: Warning: y",
        "c: was not run",
    ]
    for words in wanted:
        assert words in found
    assert "unknown tag nbval-ignore-ouput" in found


def test_a_failing_cell_stops_the_run(tmp_path):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(from_text("%%% code a\n1 / 0\n"), tmp_path)


def test_storing_is_atomic_and_facts_are_counted(run, tmp_path, monkeypatch):
    path = tmp_path / "03_课 程.ipynb"
    store(normalise(run), path)
    before = path.read_bytes()
    assert b"\r" not in before and before.endswith(b"\n")
    counted = facts(path)
    assert (counted.characters, counted.code_cells, counted.exempt) == (5, 2, 1)
    assert counted.exempt_share == 0.5
    assert repository_notebooks(tmp_path) == {"03": path}

    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        store(from_text(""), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
