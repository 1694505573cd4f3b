"""The lessons of the installed course, as learners get them: without solutions."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Protocol

from aigc_course.errors import UserError
from aigc_course.places import PACKAGE, source_notebooks

__all__ = ["Course", "Lessons", "notebooks_source", "sha256", "sources_checksum"]


def sha256(content: bytes) -> str:
    """Checksum in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sources_checksum(content: bytes) -> str:
    """Checksum of what people write in a notebook: each cell's kind and source, in order.

    Outputs and metadata, which JupyterLab adds by itself, do not count. Of anything but a notebook
    it is the checksum of the bytes.

    Example:
        >>> cell = {"cell_type": "code", "source": "1 + 1", "outputs": [], "metadata": {}}
        >>> plain = json.dumps({"cells": [cell]}).encode()
        >>> run = json.dumps({"cells": [cell | {"source": ["1 + 1"], "outputs": [2]}]}).encode()
        >>> sources_checksum(plain) == sources_checksum(run)
        True
    """
    try:
        parts = [
            [cell["cell_type"], "".join(cell["source"])] for cell in json.loads(content)["cells"]
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return sha256(content)
    return sha256(json.dumps(parts).encode())


class Lessons(Protocol):
    """Where lessons come from: the course itself, or a stand-in in the tests."""

    version: str

    def names(self) -> list[str]:
        """File names of the lessons, in order."""

    def key(self, name: str) -> str:
        """Changes whenever what :meth:`render` returns may change. Cheap."""

    def render(self, name: str) -> bytes:
        """The learner's version of a lesson. May take seconds."""


class Course:
    """The lessons of the installed course, solutions taken out."""

    def __init__(self, source: Path | None = None) -> None:
        from aigc_course import __version__

        self.version = __version__
        self.source = notebooks_source() if source is None else source

    def names(self) -> list[str]:
        """File names like ``03_backprop.ipynb``, in the course's order."""
        return sorted(path.name for path in self.source.glob("[0-9][0-9]_*.ipynb"))

    def key(self, name: str) -> str:
        """Checksum over the source notebook and over the code that takes the solutions out."""
        import aigc_course.authoring

        maker = Path(aigc_course.authoring.__file__).with_name("student.py")
        return sha256((self.source / name).read_bytes() + maker.read_bytes())

    def render(self, name: str) -> bytes:
        """The learner's version, as UTF-8 JSON."""
        import nbformat

        from aigc_course.authoring.student import student_version

        notebook = nbformat.read(self.source / name, as_version=4)
        return (nbformat.writes(student_version(notebook)).rstrip("\n") + "\n").encode("utf-8")


def notebooks_source() -> Path:
    """The source notebooks: inside an installed wheel, or ``notebooks/`` of the repository.

    Raises:
        UserError: neither is there, as in a broken installation.
    """
    folder = source_notebooks()
    if folder is None:
        raise UserError(f"课程的笔记本不在安装里（找过 {PACKAGE}）", "重新安装课程：pip install .")
    return folder
