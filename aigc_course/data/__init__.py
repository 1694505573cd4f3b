"""Shipped data: loaders, splits, augmentation, and the manifest that proves files are whole.

>>> from aigc_course import data
>>> fm = data.fashion_mnist()
>>> data.as_float(fm.val.x).shape
(5000, 784)

A data set's loader is found by its name: ``data.NAME`` is the function ``NAME`` of the module
``aigc_course/data/loaders/NAME.py``, imported when it is first asked for.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from aigc_course.data import loaders
from aigc_course.data.manifest import (
    Check,
    Item,
    Page,
    checkpoint,
    item,
    listing,
    require,
    results,
    show,
    verify,
)
from aigc_course.data.paths import data_root
from aigc_course.data.splits import Split, as_float, subset
from aigc_course.errors import DataError

__all__ = [
    "Check",
    "DataError",
    "Item",
    "Page",
    "Split",
    "as_float",
    "augment",
    "checkpoint",
    "data_root",
    "item",
    "listing",
    "require",
    "results",
    "show",
    "subset",
    "verify",
]


def _loader_names() -> list[str]:
    return [module.name for module in iter_modules(loaders.__path__)]


def __getattr__(name: str) -> Any:
    if name == "augment":  # closed to answers, and so not there where they run
        return import_module(f"{__name__}.augment")
    if name not in _loader_names():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{loaders.__name__}.{name}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), "augment", *_loader_names()})
