"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 × 28, in ten classes."""

from __future__ import annotations

import gzip
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_course.data.manifest import item, require
from aigc_course.data.splits import Split, hold_out
from aigc_course.errors import DataError

__all__ = ["CLASSES", "CLASSES_EN", "FashionMNIST", "fashion_mnist"]

CLASSES = ("T恤", "裤子", "套头衫", "连衣裙", "外套", "凉鞋", "衬衫", "运动鞋", "包", "短靴")
CLASSES_EN = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
VAL_PER_CLASS = 500
SPLIT_SEED = 2017  # the year of the paper


@dataclass(frozen=True, eq=False)
class FashionMNIST:
    """The data set in three parts.

    Attributes:
        train: 55,000 images, 5,500 of each class.
        val: 5,000 images, 500 of each class, taken from the original training file.
        test: the original 10,000 test images, 1,000 of each class, in their original order.
        classes: ten Chinese names, ``classes[y]`` names label ``y``.
        classes_en: the original English names.
    """

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...] = CLASSES
    classes_en: tuple[str, ...] = CLASSES_EN

    def __repr__(self) -> str:
        sizes = f"train={len(self.train):,}, val={len(self.val):,}, test={len(self.test):,}"
        return f"FashionMNIST({sizes})"


def fashion_mnist() -> FashionMNIST:
    """Load Fashion-MNIST, checked against its checksum, split 55,000 / 5,000 / 10,000.

    The split is fixed and stratified: of each class's 6,000 training images, 500 chosen with a
    frozen random stream are the validation part; all parts keep the source's order. The arrays
    are shared by everyone who calls this in one process and therefore read-only; ``as_float``,
    ``subset`` and indexing by an array give copies that may be written to.

    Returns:
        :class:`FashionMNIST`; each part has ``.x`` uint8 (N, 28, 28) and ``.y`` int64 (N,).

    Raises:
        DataError: the file is missing or damaged; the message tells how to restore it.

    Reference:
        Xiao, Rasul, Vollgraf: Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine
        Learning Algorithms, 2017 (arXiv:1708.07747).

    Example:
        >>> fm = fashion_mnist()
        >>> fm.train.x.shape, fm.train.x.dtype, fm.classes[int(fm.train.y[0])]
        ((55000, 28, 28), dtype('uint8'), '短靴')
    """
    return _load(require("fashion_mnist"))


@lru_cache(maxsize=1)
def _load(path: Path) -> FashionMNIST:
    try:
        with zipfile.ZipFile(path) as archive:
            x = _idx(archive, "train-images-idx3-ubyte.gz")
            y = _idx(archive, "train-labels-idx1-ubyte.gz").astype(np.int64)
            test_x = _idx(archive, "t10k-images-idx3-ubyte.gz")
            test_y = _idx(archive, "t10k-labels-idx1-ubyte.gz").astype(np.int64)
    except (zipfile.BadZipFile, KeyError, OSError, EOFError, ValueError) as error:
        raise DataError(
            f"cannot read {path}: {error}; restore it with: {item('fashion_mnist').restore}"
        ) from error
    held = hold_out(y, VAL_PER_CLASS, SPLIT_SEED)
    rows = np.arange(len(y))
    return FashionMNIST(
        train=_split(x[~held], y[~held], rows[~held]),
        val=_split(x[held], y[held], rows[held]),
        test=_split(test_x, test_y, np.arange(len(test_y))),
    )


def _split(x: NDArray[np.uint8], y: NDArray[np.int64], index: NDArray[np.int64]) -> Split:
    for array in (x, y, index):
        array.flags.writeable = False
    return Split(x, y, index)


def _idx(archive: zipfile.ZipFile, name: str) -> NDArray[np.uint8]:
    """Read one file of LeCun's IDX format: two zero bytes, type 8 (uint8), rank, sizes, data."""
    raw = gzip.decompress(archive.read(name))
    if raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{name}: got type bytes {raw[:3]!r}, wanted 00 00 08 (uint8)")
    rank = raw[3]
    shape = tuple(np.frombuffer(raw, dtype=">i4", count=rank, offset=4).tolist())
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * rank).reshape(shape)
