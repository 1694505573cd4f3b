"""What is added to the course is closed to answers until it is said to be open."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aigc_course
from aigc_course import policy
from aigc_course.classroom.sandbox import Kind, Limits, Sandbox
from aigc_course.data import data_root
from aigc_course.judging.catalogue import chapters
from aigc_course.judging.core import get, registered
from aigc_course.judging.result import Stopped

PACKAGE = Path(aigc_course.__file__).parent
ADDED = """
import numpy as np

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
"""
# one answer that calls what was added, and one that is its own
ASKS = """
import json, os, sys
import numpy as np
from aigc_course import added
from aigc_course.judging.core import check, exercise
from aigc_course.judging.forbidden import static_findings
from aigc_course.judging.judges import value

@exercise("98.1", title="softmax", points=2, asks="softmax(z)")
@exercise("98.2", title="softmax", points=2, asks="softmax(z)", allows=("aigc_course.added.*",))
def judge_softmax(answer, rng):
    z = rng.normal(size=(3, 4))
    e = np.exp(z)
    yield value(answer(z), e / e.sum(axis=1, keepdims=True), "p")

def by_name(z):
    return added.softmax(z)

def unseen(z):
    return getattr(added, "soft" + "max")(z)

def own(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)

class Mine:
    __call__ = staticmethod(added.softmax)

source = "from aigc_course import added\\ndef f(z):\\n    return added.softmax(z)\\n"
said = {
    "check": {f.__name__: check("98.1", f).status for f in (by_name, unseen, own, added.softmax)},
    "allowed": check("98.2", by_name).status,
    "source": static_findings(source),
    "source allowed": static_findings(source, ("aigc_course.added.*",)),
}
print(json.dumps(said))
"""
SANDBOXED = """
import json, sys
import numpy as np
from aigc_course.classroom.sandbox import Kind, Sandbox
from aigc_course.judging.result import Stopped

called = "def f(z):\\n    from aigc_course.added import softmax\\n    return softmax(z)\\n"
unhooked = (
    "import sys, os, aigc_course\\n"
    "FOLDER = os.path.dirname(aigc_course.__file__)\\n"
    "def f(z):\\n"
    "    sys.meta_path[:] = [m for m in sys.meta_path if type(m).__name__ != 'ClosedModules']\\n"
    "    try:\\n"
    "        from aigc_course.added import softmax\\n"
    "        return 'imported'\\n"
    "    except ModuleNotFoundError:\\n"
    "        return sorted(os.listdir(FOLDER))\\n"
)
z, said = np.ones((2, 2)), {}
with Sandbox() as sandbox:
    with sandbox.worker() as worker:
        try:
            said["called"] = worker.answer([(called, "<a>", 1)], "f")(z).tolist()
        except Stopped as stopped:
            said["called"] = [stopped.status, stopped.message]
        said["unhooked"] = worker.answer([(unhooked, "<a>", 1)], "f")(z)
allows = ("aigc_course.added.*",)
with Sandbox(Kind.of(allows)) as sandbox, sandbox.worker(allows=allows) as worker:
    said["allowed"] = worker.answer([(called, "<a>", 1)], "f")(z).tolist()
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a copy of the course with a package more; what runs in it sees only that copy."""
    root = tmp_path_factory.mktemp("course")
    shutil.copytree(PACKAGE, root / "aigc_course", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "aigc_course" / "added").mkdir()
    (root / "aigc_course" / "added" / "__init__.py").write_text(ADDED, encoding="utf-8")
    return root


def ask(root: Path, script: str) -> dict[str, object]:
    path = root.parent / "learner.py"  # outside the course: a learner's own file
    path.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, path],
        env={**os.environ, "PYTHONPATH": str(root), "AIGC_DATA": str(data_root())},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_an_added_package_is_refused_in_the_notebook(added: Path):
    said = ask(added, ASKS)
    refused = dict.fromkeys(("by_name", "unseen", "softmax"), "refused")
    assert said["check"] == refused | {"own": "passed"}
    assert said["allowed"] == "passed"
    assert said["source"] == ["第 3 行用了 aigc_course.added.softmax"]
    assert said["source allowed"] == []


@pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available())
def test_an_added_package_is_refused_in_the_sandbox_and_is_not_there(added: Path):
    said = ask(added, SANDBOXED)
    assert said["called"] == ["refused", "这道练习不能用 aigc_course.added"]
    there = said["unhooked"]
    assert isinstance(there, list) and "added" not in there and "runtime.py" in there
    assert said["allowed"] == [[0.5, 0.5], [0.5, 0.5]]


def test_only_what_is_listed_can_be_imported():
    for name in ("exercises.ex01", "judging.core", "engine", "metrics", "data.augment", "x", "x.y"):
        assert not policy.is_present(f"aigc_course.{name}"), name
    for name in ("", ".data", ".data.splits", ".judging", ".classroom.sandbox.worker", ".runtime"):
        assert policy.is_present(f"aigc_course{name}"), name
    opens = policy.opened(("aigc_course.data.augment.*", "aigc_course.engine.nn.Linear"))
    assert opens == {"aigc_course.data.augment", "aigc_course.engine"}
    assert policy.is_present("aigc_course.data.augment", opens)
    assert policy.is_present("aigc_course.engine.nn.linear", opens)
    assert not policy.is_present("aigc_course.engine_of_another", opens)


def test_no_reference_is_open_to_the_answers_it_judges():
    asked = [exercise for chapter in chapters() for exercise in registered(chapter)]
    references = {exercise.id: exercise.reference for exercise in asked}
    named = {id: right for id, right in references.items() if callable(right)}
    assert len(named) > 30
    for id, right in named.items():
        assert policy.is_closed(right.__module__, right.__qualname__, get(id).allows), id


def test_judges_are_never_brought_in():
    assert policy.opened(("aigc_course.exercises.ex03.softmax", "aigc_course.judging.*")) == set()
    with pytest.raises(ValueError, match=r"aigc_course\.engine"):
        policy.opened(("aigc_course.*",))


@pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available())
def test_what_set_up_cells_import_is_there():
    setup = (
        "from aigc_course import data, plots, runtime\n"
        "from aigc_course.exercises import check, ex01, hint, solution, use\n"
        "rng = runtime.setup(seed=0)\n"
        "split = data.fashion_mnist().test\n"
        "f = use('01.1', None, otherwise=lambda: len(split.x))\n"
        "f = check('01.1', f) or f or (lambda: len(split.x))\n"
    )
    with Sandbox() as sandbox, sandbox.worker() as worker:
        assert worker.answer([(setup, "<a>", 1)], "f")() == 10_000
        with pytest.raises(Stopped, match=r"aigc_course\.data\.augment"):
            worker.answer([(f"{setup}f = data.augment", "<a>", 1)], "f")


@pytest.mark.skipif(bool(Sandbox.available()), reason=Sandbox.available())
def test_what_is_open_needs_nothing_that_is_closed():
    walk = (
        "import importlib, pkgutil, aigc_course\n"
        "from aigc_course import policy\n"
        "found = []\n"
        "def walk(path, above):\n"
        "    for module in pkgutil.iter_modules(path):\n"
        "        name = f'{above}.{module.name}'\n"
        "        if policy.is_present(name, OPENS):\n"
        "            found.append(name)\n"
        "            loaded = importlib.import_module(name)\n"
        "            walk(getattr(loaded, '__path__', []), name)\n"
        "walk(aigc_course.__path__, 'aigc_course')\n"
    )
    for kind in (Kind(), Kind.of(("aigc_course.engine.*",))):
        with Sandbox(kind, Limits(seconds=60)) as sandbox, sandbox.worker() as worker:
            source = f"OPENS = {sorted(kind.opens)!r}\n{walk}"
            found = worker.answer([(source, "<a>", 1)], "found")
        assert {"aigc_course.plots.charts", "aigc_course.runtime", *kind.opens} <= set(found)
        assert "aigc_course.classroom.sandbox.worker" in found


def test_every_worker_module_is_there():
    for name in policy.WORKER:
        parts = PACKAGE.joinpath(*name.split("."))
        assert parts.is_dir() or parts.with_suffix(".py").is_file(), name


def test_the_parts_that_are_seen_are_the_parts_that_can_be_imported():
    parts = policy.visible_parts(PACKAGE)
    names = {path.as_posix() for path in parts}
    assert {"__init__.py", "plots", "data/splits.py", "classroom/sandbox/rpc.py"} <= names
    assert not any("augment" in name or "__pycache__" in name for name in names)
    assert not names & {"classroom", "classroom/sandbox", "judging", "data", "exercises"}
    assert "engine" in {p.as_posix() for p in policy.visible_parts(PACKAGE, {"aigc_course.engine"})}


@pytest.mark.parametrize(
    ("name", "closed"),
    [
        ("reference", True),
        ("_helper_of_a_judge", True),
        ("_Model.train", False),
        ("judge_softmax.<locals>.loss", False),
    ],
)
def test_of_an_exercise_only_what_its_judge_hands_out_may_be_called(
    name: str, closed: bool
) -> None:
    assert policy.is_closed("aigc_course.exercises.ex98", name) is closed
