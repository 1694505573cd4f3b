"""Shipped data: loaders, splits, augmentation, and the manifest that proves files are whole.

>>> from aigc_course import data
>>> fm = data.fashion_mnist()
>>> data.as_float(fm.val.x).shape
(5000, 784)
"""

from aigc_course.data import augment
from aigc_course.data.fashion import FashionMNIST, fashion_mnist
from aigc_course.data.manifest import Check, Item, Page, item, listing, require, show, verify
from aigc_course.data.paths import data_root
from aigc_course.data.splits import Split, as_float, subset
from aigc_course.errors import DataError

__all__ = [
    "Check",
    "DataError",
    "FashionMNIST",
    "Item",
    "Page",
    "Split",
    "as_float",
    "augment",
    "data_root",
    "fashion_mnist",
    "item",
    "listing",
    "require",
    "show",
    "subset",
    "verify",
]
