"""Only what an answer needs is cut out, and what is cut out is enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.classroom.submission.cells import MAX_CELL, Cell, parse_cell, syntax_tree
from aigc_course.classroom.submission.magics import without_magics
from aigc_course.classroom.submission.slicing import slice_for


def program(cells: list[str], name: str = "f", at: int = -1, until: int | None = None) -> list[str]:
    """Run the slice for ``name`` in the cell ``at``; the texts of its chunks."""
    parsed = [parse_cell(source, f"<单元格 {k}>", k) for k, source in enumerate(cells)]
    assert not [cell.error for cell in parsed if cell.error]
    return [chunk.source for chunk in slice_for(parsed, parsed[at], name, until=until)]


def value(cells: list[str], name: str = "f", at: int = -1, until: int | None = None) -> Any:
    space: dict[str, Any] = {"__name__": "__main__"}
    for text in program(cells, name, at, until):
        exec(text, space)
    return space[name]


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["c = 3", "def f():\n    return c"], 3),
        (["def f():\n    return h()\ndef h():\n    return 3"], 3),  # helper below
        (["def h():\n    return c", "c = 3", "def f():\n    return h()"], 3),
        (["t = {}\nfor k in range(4):\n    t[k] = k", "def f():\n    return t[3]"], 3),
        (["t = []\nt.append(3)\nprint(t)", "def f():\n    return t[0]"], 3),
        (["t = []", "t.append(3)", "def f():\n    return t[0]"], 3),
        (["t = {}", "t.update(k=3)", "def f():\n    return t['k']"], 3),
        (["class C: pass", "for k in 'ab':\n    setattr(C, k, 3)", "f = lambda: C.b"], 3),
        (
            [
                "class C: pass",
                "def to(c):\n    return lambda g: setattr(c, g.__name__, g) or g",
                "@to(C)\ndef b():\n    return 3",
                "f = lambda: C.b()",
            ],
            3,
        ),
        (["t = [1]", "t[0] = 3", "def f():\n    return t[0]"], 3),
        (["t = [1]\nt += [2]", "def f():\n    return sum(t)"], 3),
        (["c = 3\nif c == 1:\n    c = 2", "def f():\n    return c"], 3),
        (["c = 1", "c = c + 2", "def f():\n    return c"], 3),
        (["c = 1", "d = c + 2", "c = 100", "def f():\n    return d"], 3),
        (["def d(g):\n    return lambda: g() + 1", "@d\ndef f():\n    return 2"], 3),
        (["def f():\n    return 2", "def d(g):\n    return lambda: g() + 1\nf = d(f)"], None),
        (["c = 3", "def f(x=c):\n    return x"], 3),
        (["A = int", "def f(x: A = 3) -> A:\n    return x"], 3),
        (["class B:\n    v = 3", "class f(B):\n    def __new__(cls):\n        return cls.v"], 3),
        (["k = 3", "class f:\n    v = k\n    def __new__(cls):\n        return cls.v"], 3),
        (["c = [1, 2]", "def f():\n    return sum(x for x in c)"], 3),
        (["n = 0", "def f():\n    global n\n    n += 3\n    return n"], 3),
        (["import math as m, os", "def f():\n    return m.floor(3.5)"], 3),
        (["import os.path\nimport os", "def f():\n    return len(os.path.join('a', 'b'))"], 3),
        (["from math import *", "def f():\n    return floor(3.5)"], 3),
        (["try:\n    import nothing_here\nexcept ImportError:\n    c = 3", "f = lambda: c"], 3),
        (["if True:\n    c = 3", "f = lambda: c"], 3),
        (["with open(__import__('os').devnull) as w:\n    c = 3", "f = lambda: c"], 3),
        (["(a, b), *c = (1, 2), 3", "f = lambda: c[0]"], 3),
        (["y = (c := 3) + 1", "f = lambda: c"], 3),
        (["f = lambda: c\nraise SystemExit\nc = 3"], 3),
        (["def f():\n    return 3\nprint(f())\nassert f() == 4\nplt.show()"], 3),
        (["def f():\n    return f.x\nf.x = 3"], 3),
        (["def f():\n    return f.x\nsetattr(f, 'x', 3)"], 3),
        (["from __future__ import annotations\nx = 1\ndef f(a: nowhere = 3):\n    return a"], 3),
        (["def f(n=3):\n    return n and 1 + f(n - 1)"], 3),
        (["for i in range(9):\n    i", "i = 3", "def f():\n    return i"], 3),
        (["x = 1; c = 3; y = 2", "f = lambda: c"], 3),
        (["def g():\n    return T[0]\nT = [g2() for g2 in [lambda: 3]]", "f = lambda: g()"], 3),
        (["def g():\n    return 3\nT = g()\ndef h():\n    return T", "f = lambda: h()"], 3),
        (["y = g()\ndef g():\n    return h()\ndef h():\n    return 3", "f = lambda: y"], 3),
    ],
)
def test_enough(cells, wanted):
    if wanted is None:  # the decorating cell comes later: it is the answer's
        assert value(cells)() == 3
    else:
        found = value(cells)
        assert found() == wanted


@pytest.mark.parametrize(
    ("cells", "absent"),
    [
        (["import heavy, math", "f = lambda: math.pi"], "heavy"),
        (["from os import path, sep", "f = lambda: sep"], "path"),
        (["c = 1\nfor k in range(9):\n    train(k)", "f = lambda: c"], "train"),
        (["for i in range(9):\n    loss = i", "f = lambda i: [i for i in range(i)]"], "loss"),
        (["p = [1]", "for k in range(9):\n    p[0] -= k", "f = lambda: p"], "for"),
        (["import plots\nplots.use_style()", "f = lambda: plots"], "use_style"),
        (["from c import use", 'k = 1\nk = use("03.1", k, otherwise=2)', "f = lambda: k"], "use"),
    ],
)
def test_no_more_than_needed(cells, absent):
    assert absent not in "\n".join(program(cells))


def test_use_stands_for_the_learners_own():
    cells = ["def g():\n    return 3", 'h = use("03.1", g, otherwise=other)(1, 2)', "f = lambda: h"]
    assert program(cells)[1] == "h = g(1, 2)"
    assert value(["g = 3", 'g = use("03.1", g, otherwise=4)', "f = lambda: g"])() == 3
    assert "use" in "".join(program(["h = use(1, 2)", "f = lambda: h"]))  # somebody's own


def test_the_state_at_the_check_counts():
    cells = ["c = 1", "f = lambda: c", "c = 3", "c = 4"]
    assert value(cells, at=1)() == 1
    assert value(cells, at=1, until=2)() == 3


def test_tracebacks_name_the_cells_own_lines():
    source = "# 一\nx = 1\nprint(x)\n\n\ndef f():\n    return x / 0  # 中文 ①\n"
    cell = parse_cell(source, "<练习 03.1>", 0)
    space: dict[str, Any] = {}
    (chunk,) = slice_for([cell], cell, "f")
    exec(compile("\n" * (chunk.first_line - 1) + chunk.source, chunk.filename, "exec"), space)
    with pytest.raises(ZeroDivisionError) as caught:
        space["f"]()
    last = caught.traceback[-1]
    assert (last.frame.code.raw.co_filename, last.lineno + 1) == ("<练习 03.1>", 7)


def test_an_owner_counts_wherever_it_stands():
    cells = [parse_cell(s, f"<{k}>", k) for k, s in enumerate(["g = 1", "f = lambda: g", "g = 3"])]
    texts = [c.source for c in slice_for(cells, cells[1], "f", owners={"g": cells[2]})]
    assert texts == ["f = lambda: g", "g = 3"]
    own = parse_cell("g = 5\nf = lambda: g", "<own>", 1)
    assert (
        "g = 5" in slice_for([cells[0], own, cells[2]], own, "f", owners={"g": cells[2]})[0].source
    )
    solution = Cell("", "<参考>", 9, parse_cell("g = 7", "<参考>", 9).statements, prevails=True)
    taken = slice_for([cells[0], own, cells[2]], own, "f", owners={"g": solution})
    assert [chunk.source for chunk in taken] == ["f = lambda: g", "g = 7"]


name = st.sampled_from("abcde")
statement = st.one_of(
    st.builds("{} = {}".format, name, st.integers(0, 9)),
    st.builds("{} = {} + {}".format, name, name, name),
    st.builds("{} = ({}, {})".format, name, name, name),
    st.builds("def {}(x=0): return {}, {}".format, name, name, name),
    st.builds("if {} != 3: {} = {}".format, name, name, name),
    st.builds("for {} in range(2): {} = {}".format, name, name, name),
    st.builds("{}, {} = {}, 1".format, name, name, name),
    st.builds("{} += {}".format, name, name),
    st.builds("try: {} = {} + {}\nexcept TypeError: pass".format, name, name, name),
)


def shown(thing: Any, depth: int = 3) -> Any:
    """A value that can be compared: functions by what they return."""
    if depth and callable(thing):
        try:
            return "call", shown(thing(), depth - 1)
        except NameError as error:
            return str(error)
    if isinstance(thing, tuple):
        return tuple(shown(part, depth) for part in thing)
    return "function" if callable(thing) else thing


@settings(max_examples=400, deadline=None)
@given(st.lists(st.lists(statement, min_size=1, max_size=4), min_size=1, max_size=6), name)
def test_a_slice_gives_what_run_all_gives(cells, wanted):
    """Whatever runs from top to bottom binds the same value when only its slice is run."""
    sources = ["\n".join(lines) for lines in cells]
    sources = ["a = 1\nb = 3\nc = (1, 2)\ndef d(x=0): return x, a\ne = 3", *sources]
    sources.append(f"last = {wanted}")
    whole: dict[str, Any] = {}
    try:
        exec("\n".join(sources), whole)
    except (NameError, TypeError):
        return
    assert shown(value(sources, "last")) == shown(whole["last"])


@given(st.text(alphabet="fx=()[]{}:'\"#\\ \n\t%!?@,.;1é中", max_size=60))
def test_any_text_is_taken_apart_or_refused(text):
    cell = parse_cell(text, "<x>", 0)
    for each in cell.statements:
        for bound in each.binds:
            slice_for([cell], cell, bound)
    assert bool(cell.error) <= (not cell.statements)


def test_limits():
    with pytest.raises(SyntaxError, match="上限"):
        syntax_tree("a" * (MAX_CELL + 1))
    chain = "x0 = 3\n" + "\n".join(f"x{k + 1} = x{k}" for k in range(2000))
    assert value([chain, "f = lambda: x2000"])() == 3


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("%load_ext x\ny = 1", "pass\ny = 1"),
        ("x = '''\n%keep\n'''\n!ls", "x = '''\n%keep\n'''\npass"),
        ("x = (7\n% 4)\n%drop", "x = (7\n% 4)\npass"),
        ("x = 7 \\\n% 4\n?x", "x = 7 \\\n% 4\npass"),
        ("files = !ls\nn = %pwd", "pass\npass"),
        ("if 1:\n    !ls", "if 1:\n    pass"),
        ("%time z = 3", "z = 3"),
        ("%%time\n\nx = 1", "\n\nx = 1"),
        ("%%html\n<b>", ""),
        ("x = 1\nx?\nx??", "x = 1\npass\npass"),
        ("x != 3", "x != 3"),
        ("!echo '''\ny = '''\n%keep\n'''\n!ls", "pass\ny = '''\n%keep\n'''\npass"),
        ("!ls (\n!ls [\nx?", "pass\npass\npass"),
        ("a = %pwd \\\n  x\nb = 3", "pass\n\nb = 3"),
        ("x = (\n?y\n)\n/f", "x = (\n?y\n)\npass"),
        ("    !ls\n    x = 1", "pass\nx = 1"),
        (">>> x = 1\n>>> y = 2", "x = 1\ny = 2"),
        ("In [3]: x = 1\n   ...: y = 2\n!ls", "x = 1\ny = 2\npass"),
        ("=%", "=%"),
    ],
)
def test_magics(source, wanted):
    assert without_magics(source)[0] == wanted


@pytest.mark.parametrize("line", ["!x\n", "!'\n", "!x(\n", "x?\n", "if 1:\n !x\n", "'''\n", "=%\n"])
def test_no_cell_of_magics_keeps_the_grader_busy(line):
    """What is asked of IPython's tokeniser has an end; without one, this meets the test's limit."""
    assert isinstance(without_magics(line * (60_000 // len(line)))[0], str)


def test_a_cell_with_magics_is_only_read(monkeypatch):
    """None of IPython's translations is made, and no shell is asked for."""
    from IPython.core import inputtransformer2

    def made(self: Any, lines: list[str]) -> list[str]:
        raise AssertionError(f"{type(self).__name__} translated {lines}")

    for kind in inputtransformer2.TransformerManager().token_transformers:
        monkeypatch.setattr(kind, "transform", made)
    cell = parse_cell("%load_ext evil\nx = 1\nfiles = !ls\nx?", "<x>", 0)
    assert not cell.error and [s.text for s in cell.statements] == ["pass", "x = 1", "pass", "pass"]


def test_an_answer_that_names_itself_means_itself_though_a_stub_stands_below():
    right = "class f:\n    def new(self):\n        return f()\n    v = 3"
    stub = "class f:\n    v = None"
    assert value([right, stub, "print(1)"], at=0, until=2)().new().v == 3
