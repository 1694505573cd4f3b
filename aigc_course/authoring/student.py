"""The learner's version of a notebook: solutions, hidden tests and stored outputs taken out.

The work is done by nbgrader's own preprocessors, so that the result is exactly what an nbgrader
course would release.
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import nbformat
from nbformat import NotebookNode

CODE_STUB = '# 在这里写你的代码，写好后删掉下一行\nraise NotImplementedError("还没作答")'
TEXT_STUB = "（在这里写你的回答）"


def student_version(notebook: NotebookNode) -> NotebookNode:
    """A copy of ``notebook`` as a learner first sees it.

    Args:
        notebook: a source notebook in nbgrader's format (format 4.5); it is not changed.

    Returns:
        The copy: solution regions replaced by stubs, hidden tests and mark schemes removed,
        outputs cleared, check cells locked.

    Raises:
        ValueError: a solution region outside a solution cell, or one that is never closed.
    """
    # nbgrader takes seconds to import: only those who make a copy pay for it
    from nbgrader.preprocessors import (
        ClearHiddenTests,
        ClearMarkScheme,
        ClearOutput,
        ClearSolutions,
        ComputeChecksums,
        LockCells,
    )

    steps = [
        LockCells(),
        ClearSolutions(code_stub={"python": CODE_STUB}, text_stub=TEXT_STUB),
        ClearHiddenTests(),
        ClearMarkScheme(),
        ClearOutput(),
        ComputeChecksums(),
    ]
    copy = deepcopy(notebook)
    resources: dict[str, object] = {}
    for step in steps:
        try:
            copy, resources = step.preprocess(copy, resources)
        except RuntimeError as error:
            raise ValueError(f"{type(step).__name__}: {error}") from error
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.execution_count = None
    return copy


def write_student_version(source: Path, target: Path) -> None:
    """Read the notebook ``source`` and write its learner's version to ``target``."""
    nbformat.write(student_version(nbformat.read(source, as_version=4)), target)


if __name__ == "__main__":
    import sys

    write_student_version(Path(sys.argv[1]), Path(sys.argv[2]))
