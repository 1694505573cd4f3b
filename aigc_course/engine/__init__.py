"""A small deep-learning engine on NumPy alone, with PyTorch's names and behaviour.

    >>> from aigc_course import engine
    >>> model = engine.Sequential(engine.Linear(2, 8), engine.Tanh(), engine.Linear(8, 1))
    >>> optimizer = engine.Adam(model.parameters(), lr=0.01)
    >>> loss = engine.functional.mse_loss(model(engine.ones(4, 2)), engine.zeros(4, 1))
    >>> loss.backward()
    >>> optimizer.step()

Where to read: ``tensor.py`` the tensor; ``autograd.py`` the walk back through the graph; ``ops/``
each operation with its gradient; ``nn/`` layers and losses; ``optim/`` optimisers; ``train.py`` the
training loop.
"""

import numpy as _np

from . import functional, graph, nn, optim
from .autograd import (
    enable_grad,
    is_grad_enabled,
    no_grad,
    set_grad_enabled,
)
from .creation import (
    arange,
    empty,
    eye,
    full,
    full_like,
    linspace,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from .errors import ShapeError
from .functional import gelu, log_softmax, relu, sigmoid, softmax, tanh
from .gradcheck import GradcheckError, gradcheck
from .grads import grad
from .nn import (
    ELU,
    GELU,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    BCELoss,
    BCEWithLogitsLoss,
    Conv2d,
    CrossEntropyLoss,
    Dropout,
    Embedding,
    Flatten,
    HuberLoss,
    Identity,
    L1Loss,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool2d,
    Module,
    ModuleDict,
    ModuleList,
    MSELoss,
    NLLLoss,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
    init,
    utils,
)
from .ops.elementwise import (
    abs as abs,
)
from .ops.elementwise import (
    clip,
    cos,
    erf,
    exp,
    log,
    log1p,
    masked_fill,
    maximum,
    minimum,
    sign,
    sin,
    sqrt,
    square,
    where,
)
from .ops.indexing import gather
from .ops.matmul import matmul
from .ops.reduction import (
    all as all,
)
from .ops.reduction import (
    amax,
    amin,
    argmax,
    argmin,
    cumsum,
    logsumexp,
    mean,
    norm,
    std,
    var,
)
from .ops.reduction import (
    any as any,
)
from .ops.reduction import (
    max as max,
)
from .ops.reduction import (
    min as min,
)
from .ops.reduction import (
    sum as sum,
)
from .ops.shape import (
    cat,
    chunk,
    concat,
    concatenate,
    flatten,
    flip,
    permute,
    reshape,
    split,
    squeeze,
    stack,
    transpose,
    tril,
    triu,
    unbind,
    unsqueeze,
)
from .optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, lr_scheduler
from .rng import manual_seed
from .serialise import SafetensorsError, load, load_metadata, save
from .tensor import Tensor, as_tensor, from_numpy
from .train import History, batches, evaluate, fit

clamp = clip
float32, float64 = _np.dtype(_np.float32), _np.dtype(_np.float64)
int32, int64, uint8 = _np.dtype(_np.int32), _np.dtype(_np.int64), _np.dtype(_np.uint8)
bool_ = _np.dtype(_np.bool_)

# abs, all, any, max, min and sum are here too, but must not replace Python's own on `import *`
__all__ = [
    "ELU",
    "GELU",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GradcheckError",
    "History",
    "HuberLoss",
    "Identity",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Optimizer",
    "Parameter",
    "RMSprop",
    "ReLU",
    "SafetensorsError",
    "Sequential",
    "ShapeError",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "Tensor",
    "Unflatten",
    "amax",
    "amin",
    "arange",
    "argmax",
    "argmin",
    "as_tensor",
    "batches",
    "bool_",
    "cat",
    "chunk",
    "clamp",
    "clip",
    "concat",
    "concatenate",
    "cos",
    "cumsum",
    "empty",
    "enable_grad",
    "erf",
    "evaluate",
    "exp",
    "eye",
    "fit",
    "flatten",
    "flip",
    "float32",
    "float64",
    "from_numpy",
    "full",
    "full_like",
    "functional",
    "gather",
    "gelu",
    "grad",
    "gradcheck",
    "graph",
    "init",
    "int32",
    "int64",
    "is_grad_enabled",
    "linspace",
    "load",
    "load_metadata",
    "log",
    "log1p",
    "log_softmax",
    "logsumexp",
    "lr_scheduler",
    "manual_seed",
    "masked_fill",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "nn",
    "no_grad",
    "norm",
    "ones",
    "ones_like",
    "optim",
    "permute",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "relu",
    "reshape",
    "save",
    "set_grad_enabled",
    "sigmoid",
    "sign",
    "sin",
    "softmax",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "tanh",
    "tensor",
    "transpose",
    "tril",
    "triu",
    "uint8",
    "unbind",
    "unsqueeze",
    "utils",
    "var",
    "where",
    "zeros",
    "zeros_like",
]
