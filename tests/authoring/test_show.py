"""show_source and code_lines: also for what was defined in a notebook cell."""

import linecache

import pytest

from aigc_course.authoring.show import code_lines, show_source, source_of

CELL = '''\
class Other:
    def first(self):
        return 0


class Pair:
    """Two numbers.

    They stay together.
    """

    size = 2

    @staticmethod
    def first(a, b):
        # the comment does not count
        ### BEGIN SOLUTION
        return a
        ### END SOLUTION

    def second(self):
        """The other one."""

        return (
            1
        )
'''


@pytest.fixture
def cell():
    """A class as IPython makes one: its file name exists only in ``linecache``."""
    name = "<ipython-input-7-abc>"
    linecache.cache[name] = (len(CELL), None, CELL.splitlines(keepends=True), name)
    scope = {"__name__": "__main__"}
    exec(compile(CELL, name, "exec"), scope)
    yield scope
    del linecache.cache[name]


def test_a_class_from_a_cell_is_found_whole(cell):
    text = source_of(cell["Pair"])
    assert text.startswith("class Pair:") and text.rstrip().endswith(")")
    assert "class Other" not in text
    assert "SOLUTION" not in text
    assert source_of(cell["Pair"].second).startswith("def second")


def test_a_class_from_a_cell_keeps_its_decorators():
    text = "from functools import total_ordering\n\n\n@total_ordering\nclass Age:\n"
    text += "    def __lt__(self, other):\n        return True\n"
    name, scope = "<ipython-input-8-abc>", {"__name__": "__main__"}
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), scope)
    try:
        assert source_of(scope["Age"]) == text.partition("\n\n\n")[2]
    finally:
        del linecache.cache[name]


def test_docstrings_are_taken_out_and_code_stays(cell):
    text = source_of(cell["Pair"], docstring=False)
    assert "Two numbers" not in text and "other one" not in text
    compile(text, "<shown>", "exec")


def test_only_code_is_counted(cell):
    # class, size, @staticmethod, def first, return a, def second, return ( 1 )
    assert code_lines(cell["Pair"]) == 9
    assert code_lines(cell["Pair"], cell["Other"]) == 12


def test_html_has_its_colours_with_it_and_plain_text_too():
    shown = show_source(code_lines)
    assert "def code_lines" in repr(shown)
    assert "style=" in shown._repr_html_() and "<style" not in shown._repr_html_()


@pytest.mark.parametrize("thing", [3, len])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(TypeError, match="wanted a function or a class"):
        source_of(thing)


def test_nothing_to_show_is_refused():
    with pytest.raises(TypeError, match="at least one"):
        show_source()
