"""Where the shipped data are: in a clone, in an installed wheel, or where ``AIGC_DATA`` says."""

from __future__ import annotations

import os
from pathlib import Path

from aigc_course.errors import DataError

__all__ = ["data_root", "in_clone", "package_root"]

MANIFEST = "manifest"  # the folder that tells a data folder from any other


def package_root() -> Path:
    """Folder of the installed ``aigc_course`` package."""
    return Path(__file__).resolve().parent.parent


def data_root() -> Path:
    """Folder that holds ``manifest/`` and the data files.

    Looked for in this order: the environment variable ``AIGC_DATA``; ``aigc_course/_data``, which
    is where a wheel carries them; ``data/`` beside the package, which is where a clone has them.

    Raises:
        DataError: no such folder, or it has no ``manifest/``.

    Example:
        >>> (data_root() / "manifest" / "fashion_mnist.toml").is_file()
        True
    """
    wanted = os.environ.get("AIGC_DATA", "").strip()
    if wanted:
        root = Path(wanted).expanduser()
        if not (root / MANIFEST).is_dir():
            raise DataError(
                f"AIGC_DATA: got {wanted!r}, wanted a folder that holds {MANIFEST}/; "
                "point it at the course's data folder, or unset it to use the shipped one"
            )
        return root
    candidates = [package_root() / "_data", package_root().parent / "data"]
    for root in candidates:
        if (root / MANIFEST).is_dir():
            return root
    looked = " and ".join(str(root) for root in candidates)
    raise DataError(
        f"data folder not found: looked for {MANIFEST}/ in {looked}; "
        "install the course again, or set AIGC_DATA to a folder that has it"
    )


def in_clone() -> bool:
    """Whether the data in use are those of the clone that the package lies in."""
    return data_root() == package_root().parent / "data"
