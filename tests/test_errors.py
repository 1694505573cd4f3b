"""The tree of exceptions at the head of ``aigc_course/errors.py`` is the tree that there is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator

import aigc_course
from aigc_course import errors

LINE = re.compile(r"( *)(\w+)(?: +([\w.]+)(?: \((.*)\))?)?")


def told() -> dict[str, tuple[str, set[str]]]:
    """What the tree says: ``module:name`` to its parent above, and its other bases."""
    tree = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    above: list[tuple[int, str]] = []
    found = {}
    for text in tree.splitlines():
        line = LINE.fullmatch(text)
        assert line, f"not a line of the tree: {text!r}"
        depth, name, module, also = len(line[1]), line[2], line[3], line[4] or ""
        while above and above[-1][0] >= depth:
            above.pop()
        if module:
            found[f"{module}:{name}"] = above[-1][1], set(re.findall(r"[A-Z]\w+", also))
        above.append((depth, name))
    return found


def classes() -> Iterator[type[BaseException]]:
    """Every public exception that a module of the package defines."""
    for module in pkgutil.walk_packages(aigc_course.__path__, "aigc_course."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if (
                inspect.isclass(value)
                and issubclass(value, BaseException)
                and value.__module__ == module.name
                and not name.startswith("_")
            ):
                yield value


def test_the_tree_is_true() -> None:
    there = {}
    for found in classes():
        module = found.__module__.removeprefix("aigc_course.")
        bases = [base.__name__ for base in found.__bases__]
        ours = found.__bases__[0].__module__.startswith("aigc_course.")
        plain = "Exception" if issubclass(found, Exception) else "BaseException"
        parent = bases[0] if ours else plain
        there[f"{module}:{found.__name__}"] = parent, set(bases) - {parent}
    assert told() == there


def test_expected_failures_need_only_the_standard_library() -> None:
    code = (
        "import sys; import aigc_course.errors; "
        "print(*{name.partition('.')[0] for name in sys.modules} "
        "- set(sys.stdlib_module_names) - {'aigc_course'})"
    )
    # -S: what an installed package's .pth file imports at start is not ours
    run = [sys.executable, "-S", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.split() in ([], ["__main__"])
