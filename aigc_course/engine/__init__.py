"""A small deep-learning engine on NumPy alone, with PyTorch's names and behaviour.

    >>> from aigc_course import engine
    >>> model = engine.Sequential(engine.Linear(2, 8), engine.Tanh(), engine.Linear(8, 1))
    >>> optimizer = engine.Adam(model.parameters(), lr=0.01)
    >>> loss = engine.functional.mse_loss(model(engine.ones(4, 2)), engine.zeros(4, 1))
    >>> loss.backward()
    >>> optimizer.step()

Where to read: ``tensor.py`` the tensor; ``autograd.py`` the walk back through the graph; ``ops/``
each operation with its gradient; ``nn/`` layers and losses; ``optim/`` optimisers; ``train.py`` the
training loop. Each module says in ``__all__`` which of its names are the engine's too.
"""

# ruff: noqa: F401, F403, F405
import builtins as _builtins
from types import ModuleType as _ModuleType

import numpy as _np

from . import functional, graph, nn, optim
from .autograd import enable_grad, is_grad_enabled, no_grad, set_grad_enabled
from .creation import *
from .errors import ShapeError
from .functional import gelu, log_softmax, relu, sigmoid, softmax, tanh
from .gradcheck import GradcheckError, gradcheck
from .grads import grad
from .nn import *
from .ops.elementwise import *
from .ops.indexing import gather
from .ops.matmul import matmul
from .ops.reduction import *
from .ops.shape import *
from .optim import *
from .rng import manual_seed
from .serialise import SafetensorsError, load, load_metadata, save
from .tensor import Tensor, as_tensor, from_numpy
from .train import History, batches, evaluate, fit

clamp = clip
float32, float64 = _np.dtype(_np.float32), _np.dtype(_np.float64)
int32, int64, uint8 = _np.dtype(_np.int32), _np.dtype(_np.int64), _np.dtype(_np.uint8)
bool_ = _np.dtype(_np.bool_)

# abs, all, any, max, min and sum are here too, but must not replace Python's own on `import *`
__all__ = ["functional", "graph", "init", "lr_scheduler", "nn", "optim", "utils"]
__all__ += [
    name
    for name, value in globals().items()
    if not (name.startswith("_") or isinstance(value, _ModuleType) or hasattr(_builtins, name))
]
