"""Build hook: an editable install whose ``.pth`` file any Python in any locale can read.

Up to Python 3.12 the interpreter reads ``.pth`` files in the locale's encoding as it starts. The
path of a clone in a folder with a Chinese name, written there in UTF-8, keeps it from starting in
the locale C, and often in GBK, the default on Chinese Windows; or the clone is not found.
"""

from __future__ import annotations

import base64
import hashlib
import os
import zipfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def ascii_line(path: str) -> str:
    """The line of a ``.pth`` file that puts ``path`` on ``sys.path``, in ASCII.

    A plain path stays one, for the tools that read it. Bytes are what a path is on Linux: they name
    the folder whatever encoding the locale makes Python assume for file names.

    Example:
        >>> print(ascii_line("/home/li/course"))
        /home/li/course
        >>> print(ascii_line("/home/李"))
        import os, sys; sys.path.append(os.fsdecode(b'/home/\\xe6\\x9d\\x8e'))
    """
    if path.isascii():
        return path
    return f"import os, sys; sys.path.append(os.fsdecode({os.fsencode(path)!r}))"


class CustomBuildHook(BuildHookInterface):
    """Rewrites the ``.pth`` file of the editable wheel that hatchling has made."""

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            return
        with zipfile.ZipFile(artifact_path) as wheel:
            members = {info: wheel.read(info) for info in wheel.infolist()}
        pth = next(info for info in members if info.filename.endswith(".pth"))
        record = next(info for info in members if info.filename.endswith("/RECORD"))
        members[pth] = ascii_line(os.path.normpath(self.root)).encode("ascii")
        digest = base64.urlsafe_b64encode(hashlib.sha256(members[pth]).digest()).rstrip(b"=")
        lines = members[record].decode("utf-8").splitlines(keepends=True)
        lines = [line for line in lines if not line.startswith(f"{pth.filename},")]
        lines.insert(0, f"{pth.filename},sha256={digest.decode()},{len(members[pth])}\n")
        members[record] = "".join(lines).encode("utf-8")
        with zipfile.ZipFile(artifact_path, "w", zipfile.ZIP_DEFLATED) as wheel:
            for info, content in members.items():
                wheel.writestr(info, content)
