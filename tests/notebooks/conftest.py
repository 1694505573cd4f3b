"""Every numbered notebook, once, for the tests that read them as documents."""

from pathlib import Path

import nbformat
import pytest

from aigc_course.authoring.notebooks import repository_notebooks

NOTEBOOKS = repository_notebooks(Path(__file__).parents[2] / "notebooks")


def pytest_generate_tests(metafunc):
    if "path" in metafunc.fixturenames:
        paths = list(NOTEBOOKS.values())
        metafunc.parametrize("path", paths, ids=[p.stem for p in paths], scope="module")


@pytest.fixture(scope="module")
def notebook(path):
    return nbformat.read(path, as_version=4)
