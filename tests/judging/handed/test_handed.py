"""What is declared of the objects that judges hand to answers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aigc_course.judging import handed


class Base:
    pass


class Derived(Base):
    pass


def test_of_an_object_only_what_its_class_declares_is_open():
    assert handed.exposed(Base()) is None
    handed.exposes("a", "b", writable=["b"])(Base)
    assert handed.exposed(Derived()) == (frozenset("ab"), frozenset("b"))
    handed.exposes("a")(Derived)
    assert handed.exposed(Derived()) == (frozenset("a"), frozenset())
    with pytest.raises(ValueError, match="writable"):
        handed.exposes("a", writable=["c"])


@pytest.mark.parametrize("function", [len, test_of_an_object_only_what_its_class_declares_is_open])
def test_functions_can_be_called_and_no_more(function):
    assert handed.exposed(function) == (frozenset({"__call__"}), frozenset())


def test_classes_and_modules_are_not_handed_over():
    assert handed.exposed(Base) is None and handed.exposed(sys) is None


def test_two_of_one_name_are_turned_away():
    def twin(base: type) -> type:
        return type("Twin", (base,), {})

    handed.crosses(twin(Exception))
    with pytest.raises(ValueError, match="Twin"):
        handed.crosses(twin(Exception))
    handed.copies(twin(object), lambda root: ([root], None), lambda records: [])
    with pytest.raises(ValueError, match="Twin"):
        handed.copies(twin(object), lambda root: ([root], None), lambda records: [])


def test_what_the_worker_process_imports_is_small():
    code = (
        "import sys; from aigc_course.judging import handed; handed.import_all(); "
        "print(*{m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names); "
        "print(*[m for m in sys.modules if m.startswith('aigc_course')])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    roots, ours = (set(line.split()) for line in told.stdout.splitlines())
    assert {r for r in roots if not r.startswith("_")} <= {"aigc_course", "numpy"}
    assert all(m.startswith("aigc_course.judging.handed.") for m in ours - PARENTS)
    assert "aigc_course.judging.handed.graph_node" in ours


PARENTS = {"aigc_course", "aigc_course.judging", "aigc_course.judging.handed"}
