"""Alike answers: renaming hides nothing, the obvious is no evidence, two lines prove nothing."""

from __future__ import annotations

import ast

import pytest

from aigc_course.classroom.report.classpage import similar_students
from aigc_course.classroom.report.similarity import canonical_source, similar_pairs
from aigc_course.classroom.report.standing import standings
from tests.support import report_class as rc

MINE = rc.DETOUR.format(note="mine", a="a", b="b", z="z", h="h", s="s", p="p")
YOURS = rc.DETOUR.format(note="别的注释", a="u1", b="u2", z="pre", h="act", s="out", p="prob")

# eight honest ways to the same gradient
HONEST = {
    "h0": "def f(x, y):\n    d = x - y\n    total = (d ** 2).sum()\n    grad = 2 * d\n"
    "    norm = np.sqrt(total)\n    return total / len(x), grad / len(x), norm",
    "h1": "def f(x, y):\n    n = len(x)\n    r = np.subtract(x, y)\n    loss = np.dot(r, r) / n\n"
    "    return loss, np.multiply(2.0 / n, r), np.linalg.norm(r)",
    "h2": "def f(x, y):\n    out = []\n    s = 0.0\n    for a, b in zip(x, y):\n"
    "        s += (a - b) ** 2\n"
    "        out.append(2 * (a - b) / len(x))\n    return s / len(x), np.array(out), s ** 0.5",
    "h3": "def f(x, y):\n    e = y - x\n    m = np.mean(e * e)\n    g = -2 * e / e.size\n"
    "    k = np.sum(np.abs(e) ** 2)\n    return m, g, np.power(k, 0.5)",
}


def reindented(source: str) -> str:
    return source.replace("    ", "  ").replace(" = ", "=")


def test_renaming_comments_types_and_layout_change_nothing():
    assert canonical_source(MINE) == canonical_source(reindented(YOURS))
    typed = "def f(a: int, *, b: float = 1) -> float:\n    '''Doc.'''\n    c: int = a\n    return c"
    bare = "def g(x, *, y=1):\n    z = x\n    return z"
    assert canonical_source(typed) == canonical_source(bare)


def test_library_names_stay():
    assert "np.exp" in canonical_source("def f(z):\n    return np.exp(z)")
    assert canonical_source("def f(z):\n    return np.exp(z)") != canonical_source(
        "def f(z):\n    return np.log(z)"
    )


def test_one_variable_more_at_the_top_renames_nothing_below():
    more = MINE.replace("    onehot", "    spare = 3\n    onehot", 1)
    assert (
        len(set(canonical_source(MINE).splitlines()) - set(canonical_source(more).splitlines()))
        == 0
    )


@pytest.mark.parametrize(
    "source", ["def f(:", "", "\x00", "(" * 5000, "x = '\\ud800'", "'only text'"]
)
def test_what_does_not_parse_is_empty_or_small_not_an_error(source):
    ast.parse(canonical_source(source))
    assert similar_pairs("03.1", {"a": source, "b": source}) == []


@pytest.mark.parametrize(
    "source", [MINE, *HONEST.values(), "class A:\n    'doc'\n", "async def f(): 'x'"]
)
def test_what_is_normalised_still_parses(source):
    ast.parse(canonical_source(source))


def test_a_renamed_copy_among_honest_answers_is_found():
    (pair,) = similar_pairs("03.6", {**HONEST, "a": MINE, "z": reindented(YOURS)})
    assert (pair.first, pair.second) == ("a", "z") and pair.share > 0.99 and pair.common > 500


def test_a_copy_with_a_part_of_its_own_is_found():
    longer = YOURS.replace(
        "    return", "    np.testing.assert_allclose(prob.sum(1), 1)\n    return"
    )
    pairs = similar_pairs("03.6", {**HONEST, "a": MINE, "z": longer})
    assert [(p.first, p.second) for p in pairs] == [("a", "z")]


def test_honest_answers_to_one_question_are_not_alike():
    assert similar_pairs("01.1", HONEST) == []


def test_the_solution_and_the_stub_prove_nothing():
    answers = {"a": MINE, "z": YOURS}
    assert similar_pairs("03.6", answers)
    assert similar_pairs("03.6", answers, [YOURS]) == []


def test_what_most_of_the_class_writes_proves_nothing():
    crowd = {f"s{k}": YOURS for k in range(6)}
    assert similar_pairs("03.6", {**HONEST, **crowd}) == []
    assert (
        len(similar_pairs("03.6", {**HONEST, **dict(list(crowd.items())[:3])})) == 3
    )  # three pairs


def test_two_lines_prove_nothing():
    short = "def f(x, W, b):\n    return x @ W.T + b"
    assert similar_pairs("01.3", {"a": short, "b": short, **HONEST}) == []


def test_the_result_does_not_depend_on_the_hash_of_strings():
    first = similar_pairs("03.6", {**HONEST, "a": MINE, "z": YOURS})
    again = similar_pairs("03.6", dict(reversed({**HONEST, "a": MINE, "z": YOURS}.items())))
    assert first == again and first[0].common == len(canonical_source(MINE))


def test_the_class_has_one_couple(tmp_path):
    assignment = rc.course(tmp_path)
    roll, marks = rc.class_of_30(assignment)
    found = similar_students(
        assignment, standings(assignment, marks, roll), rc.solutions(assignment)
    )
    assert [(c.first, c.second) for c in found] == [("2024002", "2024003")]
    assert [pair.exercise for pair in found[0].pairs] == ["03.6"]
