"""Where the shipped data are: in a clone, in an installed wheel, or where ``AIGC_DATA`` says."""

from __future__ import annotations

import os
from pathlib import Path

from aigc_course.errors import DataError

__all__ = ["data_root", "package_root", "restore_command"]


def package_root() -> Path:
    """Folder of the installed ``aigc_course`` package."""
    return Path(__file__).resolve().parent.parent


def data_root() -> Path:
    """Folder that holds ``manifest.toml`` and the data files.

    Looked for in this order: the environment variable ``AIGC_DATA``; ``aigc_course/_data``, which
    is where a wheel carries them; ``data/`` beside the package, which is where a clone has them.

    Raises:
        DataError: no such folder, or it has no ``manifest.toml``.

    Example:
        >>> (data_root() / "manifest.toml").is_file()
        True
    """
    wanted = os.environ.get("AIGC_DATA", "").strip()
    if wanted:
        root = Path(wanted).expanduser()
        if not (root / "manifest.toml").is_file():
            raise DataError(
                f"AIGC_DATA: got {wanted!r}, wanted a folder that holds manifest.toml; "
                "point it at the course's data folder, or unset it to use the shipped one"
            )
        return root
    candidates = [package_root() / "_data", package_root().parent / "data"]
    for root in candidates:
        if (root / "manifest.toml").is_file():
            return root
    looked = " and ".join(str(root) for root in candidates)
    raise DataError(
        f"data folder not found: looked for manifest.toml in {looked}; "
        "install the course again, or set AIGC_DATA to a folder that has it"
    )


def restore_command(builder: str) -> str:
    """What to type to make a data file again, given its builder's file name.

    Example:
        >>> restore_command("fashion_mnist.py").endswith("fashion_mnist.py")
        True
    """
    script = data_root() / "builders" / builder
    if script.parent.parent == package_root().parent / "data":
        return f"python data/builders/{builder}"  # as one types it in a clone
    return f'python "{script}"'
