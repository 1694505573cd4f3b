"""Make ``fashion_mnist.zip`` from the Debian package ``dataset-fashion-mnist``.

    python data/builders/fashion_mnist.py               # needs apt-get and dpkg-deb, not root
    python data/builders/fashion_mnist.py --from DIR    # DIR: the package, unpacked anyhow

The archive holds the package's four ``.gz`` files as they are, stored and not packed again, with
fixed dates: so its bytes depend on no zlib version and on no clock.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from common import build, fetch_deb, find, main

PACKAGE = "dataset-fashion-mnist"
MEMBERS = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def pack(folder: Path) -> bytes:
    """The archive's bytes, from a folder that holds the four files somewhere below it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in MEMBERS:
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3  # Unix, whatever this is run on
            info.external_attr = 0o644 << 16
            archive.writestr(info, find(folder, name).read_bytes())
    return buffer.getvalue()


def make(source: Path | None = None, out: Path | None = None) -> Path:
    """Build the file, from the registry or from an unpacked package."""
    return build("fashion_mnist", pack, lambda into: fetch_deb(PACKAGE, into), source, out)


if __name__ == "__main__":
    raise SystemExit(main(__doc__ or "", make))
