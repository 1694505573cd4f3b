"""Layers, losses and what goes with them, named as in ``torch.nn``."""

# ruff: noqa: F403
from . import init, utils
from .activation import *
from .containers import *
from .conv import *
from .dropout import *
from .embedding import *
from .linear import *
from .loss import *
from .module import *
from .norm import *
from .pooling import *
from .shape import *

__all__ = ["init", "utils", *(n for n, value in globals().items() if isinstance(value, type))]
