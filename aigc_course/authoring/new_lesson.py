"""The skeleton of a lesson: ``aigc new-lesson 08 text_pipeline``.

What is written is a small lesson that is whole: notebook, exercises and their tests run and pass
as they stand, and each part says what belongs in its place. What is still the skeleton's is marked
``〔待写〕``. No file that is there already is touched, and no list of lessons has to be: they are
read from the folders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aigc_course.authoring.notebooks import execute, normalise, repository_notebooks, store
from aigc_course.authoring.text import from_text
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import write_atomically
from aigc_course.places import PACKAGE

__all__ = ["TO_WRITE", "Plan", "plan", "write"]

TO_WRITE = "〔待写〕"  # marks what an author has not replaced yet
SKELETON = Path(__file__).parent / "skeleton"


@dataclass(frozen=True)
class Plan:
    """What is going to be written.

    Attributes:
        notebook: path of the notebook.
        cells: its text form.
        files: the other files: path -> text.
    """

    notebook: Path
    cells: str
    files: dict[Path, str]


def plan(
    number: str, slug: str, *, title: str = "", data: str = "", root: Path = PACKAGE.parent
) -> Plan:
    """Which files a new lesson consists of.

    Args:
        number: of the lesson, two digits.
        slug: for file names, such as ``text_pipeline``.
        title: its heading in Chinese.
        data: name of a data set it brings: builder, card and loader are written too.
        root: the clone of the course.

    Raises:
        UserError: a name of the wrong form; a lesson of that number or one of the files is there
            already; ``root`` is not a clone.

    Example:
        >>> sorted(path.name for path in plan("98", "try_out").files)
        ['ex98.py', 'test_ex98.py']
    """
    notebooks = root / "notebooks"
    if not (notebooks.is_dir() and (root / "tests").is_dir()):
        raise UserError(f"{root} 不是课程的仓库", "在仓库里装好（make install），再运行")
    if not re.fullmatch(r"\d\d", number):
        raise UserError(f"章号不能是 {number}", "写两位数，如 08")
    for name in (slug, data):
        if name and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise UserError(f"名字不能是 {name}", "小写字母开头，只用小写字母、数字、下划线")
    there = repository_notebooks(notebooks)
    words = {
        "NN": number,
        "SLUG": slug,
        "SEED": str(int(number)),
        "TITLE": title or f"{TO_WRITE}{slug}",
        "NAME": data,
        "PREVIOUS": _before(number, there),
        "NEXT": _after(number, there),
    }

    def filled(name: str) -> str:
        text = (SKELETON / f"{name}.txt").read_text(encoding="utf-8")
        for word, value in words.items():
            text = text.replace("{{" + word + "}}", value)
        return text

    files = {
        root / "aigc_course" / "exercises" / f"ex{number}.py": filled("exercises"),
        root / "tests" / "exercises" / f"test_ex{number}.py": filled("exercise_tests"),
    }
    if data:
        files[root / "data" / "builders" / f"{data}.py"] = filled("builder")
        files[root / "data" / "cards" / f"{data}.md"] = filled("card")
        files[root / "aigc_course" / "data" / "loaders" / f"{data}.py"] = filled("loader")
    notebook = notebooks / f"{number}_{slug}.ipynb"
    taken = [there[number]] if number in there else []
    taken += [path for path in files if path.exists()]
    if taken:
        names = "、".join(path.relative_to(root).as_posix() for path in taken)
        raise UserError(f"已经有了：{names}", "换一个章号或名字；要重来，先自己删掉它们")
    return Plan(notebook, filled("lesson"), files)


def _before(number: str, there: dict[str, Path]) -> str:
    earlier = [path for known, path in there.items() if known < number]
    return f"[{earlier[-1].stem}]({earlier[-1].name})" if earlier else "无"


def _after(number: str, there: dict[str, Path]) -> str:
    following = f"{int(number) + 1:02d}"
    path = there.get(following)
    return f"[{path.stem}]({path.name})" if path else following


def write(made: Plan, run: bool = True) -> list[Path]:
    """Write all files of a plan; the notebook with its outputs, in normal form.

    Args:
        made: from :func:`plan`.
        run: execute the notebook; without it, it has no outputs yet.

    Returns:
        The files, the notebook first.

    Raises:
        UserError: a file cannot be written.
        nbclient.exceptions.CellExecutionError: the notebook does not run; the files are there.
    """
    notebook = from_text(made.cells)
    try:
        for path, text in made.files.items():
            write_atomically(path, text)
        store(normalise(notebook), made.notebook)
        if run:
            execute(notebook, made.notebook.parent)
            store(normalise(notebook), made.notebook)
    except OSError as error:
        raise from_os_error(error, error.filename or made.notebook.parent) from error
    return [made.notebook, *made.files]
