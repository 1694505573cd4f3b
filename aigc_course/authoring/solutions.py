"""The solution of an exercise, read from the source notebook it stands in."""

from __future__ import annotations

import json

from aigc_course.places import source_notebooks

__all__ = ["solution_source"]

MARKS = ("### BEGIN SOLUTION", "### END SOLUTION")


def solution_source(id: str) -> str | None:
    """The answer cell of exercise ``id``, without the marks; None if it is not installed.

    Example:
        >>> print(solution_source("03.2").splitlines()[0])
        def linear_backward(dy, x, W):
    """
    folder = source_notebooks()
    chapter, _, number = id.partition(".")
    if folder is None:
        return None
    for path in sorted(folder.glob(f"{chapter}_*.ipynb")):
        # plain JSON: nbformat takes a while to import
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell.get("id") == f"ex-{chapter}-{number}":
                lines = "".join(cell["source"]).splitlines()
                return "\n".join(line for line in lines if line.strip() not in MARKS) + "\n"
    return None
