"""Where things lie: the learner's folder and the installed source notebooks.

Needs only the standard library, so that both the exercises and the ``aigc`` command can ask.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["PACKAGE", "STATE_DIR", "is_anothers", "learners_folder", "source_notebooks"]

PACKAGE = Path(__file__).resolve().parent  # its parent is the repository, or site-packages
STATE_DIR = ".aigc"
NO_ONE = (0, 65534)  # root and nobody: what shared folders of virtual machines report as owner


def source_notebooks() -> Path | None:
    """The source notebooks: inside an installed wheel, or ``notebooks/`` of the repository."""
    for folder in (PACKAGE / "_notebooks", PACKAGE.parent / "notebooks"):
        if folder.is_dir():
            return folder
    return None


def learners_folder(start: Path | None = None) -> Path | None:
    """The learner's folder that ``start`` (by default the working directory) lies in, or None.

    A learner's folder holds ``.aigc/state.json``. The search goes upwards and ends at the
    course's own repository, so that nothing done there counts as a learner's doing even when the
    repository itself lies in a learner's folder. A folder that belongs to another user of the
    machine is passed over.
    """
    here = Path.cwd() if start is None else start
    repository = PACKAGE.parent
    for folder in (here, *here.parents):
        state = folder / STATE_DIR / "state.json"
        # os.path, not pathlib: a folder closed to us is an answer, not an error
        if os.path.isfile(state) and not is_anothers(state):
            return folder
        if folder == repository and (repository / "notebooks").is_dir():
            return None
    return None


def is_anothers(path: Path) -> bool:
    """Whether ``path`` belongs to another person of this machine.

    Always False for the administrator, and on systems and disks that know no owners.
    """
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return False
    try:
        owner = os.stat(path).st_uid
    except OSError:
        return False
    return owner != os.geteuid() and owner not in NO_ONE
