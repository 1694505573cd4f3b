"""For all tests and doctests: one thread, no display, no personal settings, fixed draws."""

from __future__ import annotations

import getpass
import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# before NumPy or torch are loaded, and inherited by every child process
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["AIGC_HEADLESS"] = "1"
os.environ["PYTHONUTF8"] = "1"
for _name in ("AIGC_HOME", "AIGC_THREADS", "AIGC_DEVICE", "AIGC_DATA"):
    os.environ.pop(_name, None)

# deadlines measure the machine, not the code; a failure is found again because the draw is fixed
settings.register_profile(
    "course",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("search", parent=settings.get_profile("course"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "course"))

REPOSITORY = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the clone."""
    return REPOSITORY


@pytest.fixture
def whose_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Names of machine, person and folders that no shipped file may tell."""
    for module, function in ((platform, "node"), (socket, "gethostname"), (getpass, "getuser")):
        monkeypatch.setattr(module, function, lambda: "somebodys-machine")
    return ["somebodys-machine", str(tmp_path), str(REPOSITORY), str(Path.home()) + os.sep]


@pytest.fixture(autouse=True)
def no_figure_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Figures that an example leaves open are not those of the next test in this process."""
    yield
    if isinstance(request.node, pytest.DoctestItem) and "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process is left alone with them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
