"""Which packages the course wants on this system, and which are there."""

from __future__ import annotations

import importlib.metadata
import tomllib
from pathlib import Path

from aigc_course.places import PACKAGE

__all__ = ["installed", "lock_file", "read_lock", "runtime_packages"]


def lock_file() -> Path | None:
    """The lock: inside an installed wheel, or at the top of the clone; None if it is gone."""
    for path in (PACKAGE / "requirements.lock", PACKAGE.parent / "requirements.lock"):
        if path.is_file():
            return path
    return None


def read_lock(text: str) -> dict[str, str]:
    """Name and version of each package that the lock wants on *this* system and Python.

    Example:
        >>> read_lock("numpy==2.4.6\\nnever==1.0 ; sys_platform == 'nowhere'\\n# remark\\n")
        {'numpy': '2.4.6'}
    """
    from packaging.requirements import Requirement

    wanted = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if not line:
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            wanted[_canonical(requirement.name)] = next(iter(requirement.specifier)).version
    return wanted


def _canonical(name: str) -> str:
    from packaging.utils import canonicalize_name

    return str(canonicalize_name(name))


def installed(name: str) -> str | None:
    """The version that is installed here, None if none is.

    Example:
        >>> installed("no-such-package") is None
        True
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def runtime_packages() -> set[str]:
    """Names of everything the course needs to run, without what only its authors need."""
    from packaging.requirements import Requirement

    seen: set[str] = set()
    todo = ["aigc_course"]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            needs = _own_needs() if name == "aigc_course" else []
        for text in needs:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                todo.append(_canonical(need.name))
    return seen - {"aigc_course"}


def _own_needs() -> list[str]:
    """Direct dependencies as the clone names them, when the package itself is not installed."""
    project = PACKAGE.parent / "pyproject.toml"
    if not project.is_file():
        return []
    return list(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"])
