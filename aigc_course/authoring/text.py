"""A notebook as plain text, and back, so that a lesson can be written in any editor.

The ``.ipynb`` stays the single source; the text form is a working copy. A cell starts with a
line ``%%% KIND ID [key=value …]``:

======================================== =====================================================
``%%% md ID``                            prose
``%%% code ID [tags=a,b]``               code
``%%% answer NN.k``                      code with ``### BEGIN SOLUTION`` … ``### END SOLUTION``
``%%% check NN.k points=3``              the graded line ``check("NN.k", …)``
``%%% open NN.qk points=5``              open question's answer (prose), graded by hand
======================================== =====================================================

``answer``, ``check`` and ``open`` cells carry nbgrader's metadata. Ids are short, readable and
stable: they are how a learner's cell is found again after the lesson was updated.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

MARK = "%%%"
KINDS = ("md", "code", "answer", "check", "open")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_EXERCISE = re.compile(r"(\d\d)\.(q?\d+)\Z")
KERNEL = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
LANGUAGE = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}


def _grading(kind: str, number: str, points: int) -> tuple[str, dict[str, Any]]:
    match = _EXERCISE.match(number)
    if not match:
        raise ValueError(f"{kind} {number!r}: wanted a number like 03.2 (or 03.q1 for 'open')")
    chapter, k = match.groups()
    prefix = {"answer": "ex", "check": "check", "open": "open"}[kind]
    cell_id = f"{prefix}-{chapter}-{k}"
    meta: dict[str, Any] = {
        "grade": kind != "answer",
        "grade_id": cell_id,
        "locked": kind == "check",
        "schema_version": 3,
        "solution": kind != "check",
        "task": False,
    }
    if kind != "answer":
        meta["points"] = points
    return cell_id, meta


def _cell(header: str, source: str) -> NotebookNode:
    words = header.split()
    if len(words) < 3 or words[1] not in KINDS:
        raise ValueError(f"{header!r}: wanted '{MARK} KIND ID', KIND one of {', '.join(KINDS)}")
    kind, name = words[1], words[2]
    options = dict(word.split("=", 1) for word in words[3:])
    metadata: dict[str, Any] = {}
    if "tags" in options:
        metadata["tags"] = options.pop("tags").split(",")
    if kind in ("answer", "check", "open"):
        points = int(options.pop("points", "0"))
        name, metadata["nbgrader"] = _grading(kind, name, points)
    if options:
        raise ValueError(f"{header!r}: unknown option {', '.join(options)}")
    if not _ID.match(name):
        raise ValueError(f"{header!r}: cell id {name!r} may hold only a-z, 0-9 and -")
    make = new_markdown_cell if kind in ("md", "open") else new_code_cell
    return make(source, id=name, metadata=metadata)


def from_text(text: str, old: NotebookNode | None = None) -> NotebookNode:
    """Build a notebook from its text form.

    Args:
        text: the text form.
        old: the notebook as it was; stored outputs of cells whose source did not change are kept.

    Raises:
        ValueError: a header that cannot be read, or two cells with one id; it names the line.
    """
    cells: list[NotebookNode] = []
    header, lines = "", []  # type: tuple[str, list[str]]
    for line in [*text.splitlines(), f"{MARK} end"]:
        if not line.startswith(f"{MARK} "):
            lines.append(line)
            continue
        if header:
            cells.append(_cell(header, "\n".join(lines).strip("\n")))
        elif any(part.strip() for part in lines):
            raise ValueError(f"text before the first '{MARK}' line: {lines[0]!r}")
        header, lines = line, []
    ids = [cell.id for cell in cells]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"two cells with one id: {', '.join(twice)}")
    kept = {cell.id: cell for cell in (old.cells if old else [])}
    for cell in cells:
        before = kept.get(cell.id)
        if cell.cell_type == "code" and before and before.source == cell.source:
            cell.outputs = before.get("outputs", [])
            cell.execution_count = before.get("execution_count")
    notebook = new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": LANGUAGE})
    nbformat.validate(notebook)
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """The text form of a notebook; ``from_text`` gives the same cells back.

    Example:
        >>> print(to_text(from_text("%%% md intro\\n# 标题\\n\\n%%% code sum\\n1 + 1\\n")), end="")
        %%% md intro
        # 标题
        <BLANKLINE>
        %%% code sum
        1 + 1
    """
    blocks = []
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader")
        if meta:
            prefix, chapter, k = cell.id.split("-")
            kind = {"ex": "answer", "check": "check", "open": "open"}[prefix]
            header = f"{MARK} {kind} {chapter}.{k}"
            if "points" in meta:
                header += f" points={meta['points']}"
        else:
            header = f"{MARK} {'md' if cell.cell_type == 'markdown' else 'code'} {cell.id}"
        if cell.metadata.get("tags"):
            header += f" tags={','.join(cell.metadata['tags'])}"
        blocks.append(f"{header}\n{cell.source}\n")
    return "\n".join(blocks)


def apply_text(text_file: Path, notebook_file: Path) -> NotebookNode:
    """Write the text form in ``text_file`` to ``notebook_file``, keeping outputs still valid."""
    old = nbformat.read(notebook_file, as_version=4) if notebook_file.exists() else None
    notebook = from_text(text_file.read_text(encoding="utf-8"), old)
    nbformat.write(notebook, notebook_file)
    return notebook


def main() -> None:
    """``python -m aigc_course.authoring.text NB`` prints; ``… NB TEXT`` writes TEXT into NB."""
    import sys

    if len(sys.argv) == 3:
        apply_text(Path(sys.argv[2]), Path(sys.argv[1]))
    else:
        sys.stdout.write(to_text(nbformat.read(sys.argv[1], as_version=4)))


if __name__ == "__main__":
    main()
