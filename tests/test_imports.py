"""Imports point one way. Read from the source, lazy imports and ``import_module("…")`` included."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from aigc_course.places import PACKAGE

GROUND = {"errors", "files", "places", "policy"}  # the standard library and one another

# What a part may import besides itself. One that is not listed (training, efficiency …) may
# import all but the application: a new one is held to that without being entered here.
MAY: dict[str, set[str]] = {
    **{part: GROUND for part in GROUND},
    "runtime": {"engine", *GROUND},  # seeds its random numbers
    "engine": GROUND,
    "text": {"dask_client", "engine", "runtime", *GROUND},
    "data": {"text", *GROUND},  # corpora come cleaned and split
    "metrics": GROUND,
    "plots": {"data", "runtime", *GROUND},
    "models": {"data", "engine", "metrics", "runtime", *GROUND},
}
APPLICATION = {"authoring", "classroom", "cli", "exercises", "judging", "progress"}
# nothing but cli imports classroom, nothing at all imports cli
CLOSED = {"classroom": {"cli"}, "cli": {"__main__"}}


def module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def named(tree: ast.AST, package: str) -> Iterator[tuple[str, str]]:
    """Module and imported name, of every statement and every ``import_module`` of a constant."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                origin = ".".join([*above, *filter(None, [node.module])])
            yield from ((origin, alias.name) for alias in node.names)
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value), ""


@cache
def imports(root: Path = PACKAGE) -> dict[str, set[str]]:
    """For each module of the package, the modules of the package that it imports."""
    sources = {module_of(path, root): path for path in sorted(root.rglob("*.py"))}
    found: dict[str, set[str]] = {}
    for module, path in sources.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = found[module] = set()
        package = module if path.stem == "__init__" else module.rpartition(".")[0]
        for origin, name in named(tree, package):
            for target in (f"{origin}.{name}", origin):
                if target in sources:
                    names.add(target)
                    break
    return found


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def broken(graph: dict[str, set[str]]) -> list[str]:
    """Imports against the rules, as ``a -> b``."""
    wrong = []
    for module, targets in graph.items():
        here = part(module)
        allowed = MAY.get(here)
        for target in targets:
            there = part(target)
            if there in ("", here):
                continue
            if allowed is None:
                against = there in APPLICATION and here not in {*APPLICATION, "__main__"}
            else:
                against = there not in allowed
            if against or here not in CLOSED.get(there, {here}):
                wrong.append(f"{module} -> {target}")
    return wrong


# A tensor's methods are the operators, and the operators make tensors.
TOGETHER = ("aigc_course.engine.ops", "aigc_course.engine.tensor", "aigc_course.engine.autograd")


def circle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of imports, or nothing."""

    def name(module: str) -> str:
        return "tensor and its operators" if module.startswith(TOGETHER) else module

    joined: dict[str, set[str]] = {}
    for module, targets in graph.items():
        joined.setdefault(name(module), set()).update(name(t) for t in targets)
    for module, targets in joined.items():
        targets.discard(module)
    try:
        TopologicalSorter(joined).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_point_one_way() -> None:
    assert broken(imports()) == []


def test_no_module_needs_itself() -> None:
    assert circle(imports()) == []


@pytest.mark.parametrize(
    ("module", "target"),
    [
        ("aigc_course.engine.train", "aigc_course.runtime"),
        ("aigc_course.models.gpt", "aigc_course.training.loop"),
        ("aigc_course.plots.charts", "aigc_course.models.gpt"),
        ("aigc_course.text.bpe", "aigc_course.judging.core"),
        ("aigc_course.judging.core", "aigc_course.classroom.marks"),
        ("aigc_course.classroom.store", "aigc_course.cli.main"),
        ("aigc_course.errors", "aigc_course.data.manifest"),
    ],
)
def test_an_import_against_the_rules_is_seen(module: str, target: str) -> None:
    assert broken({module: {target}}) == [f"{module} -> {target}"]


def test_a_circle_is_seen() -> None:
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


def test_what_a_statement_imports_is_read(tmp_path: Path) -> None:
    root = tmp_path / "aigc_course"
    (root / "inner").mkdir(parents=True)
    for name in ("__init__", "a", "inner/__init__", "inner/b", "inner/c"):
        (root / f"{name}.py").touch()
    (root / "a.py").write_text(
        "from . import inner\n"
        "from aigc_course.inner.b import name\n"
        "def f():\n    import_module('aigc_course.inner.c')\n",
        encoding="utf-8",
    )
    found = imports(root)["aigc_course.a"]
    assert found == {"aigc_course.inner", "aigc_course.inner.b", "aigc_course.inner.c"}


@pytest.mark.parametrize(
    ("name", "absent"),
    [
        ("aigc_course.engine", {"torch", "matplotlib", "scipy", "sklearn", "IPython"}),
        ("aigc_course.exercises.ex03", {"torch", "matplotlib", "sklearn"}),
        ("aigc_course.cli.main", {"torch", "numpy", "matplotlib"}),
        ("aigc_course.policy", {"numpy"}),
    ],
)
def test_a_part_brings_only_what_it_needs(name: str, absent: set[str]) -> None:
    code = f"import sys, {name}; print(*sorted({absent!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []
