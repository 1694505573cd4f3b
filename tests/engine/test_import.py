"""The engine needs only NumPy, and its names are those of the contract."""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from aigc_course import engine, runtime

FLAT = [
    "Tensor",
    "tensor",
    "as_tensor",
    "from_numpy",
    "zeros",
    "ones",
    "full",
    "empty",
    "eye",
    "arange",
    "linspace",
    "rand",
    "randn",
    "randint",
    "randperm",
    "zeros_like",
    "ones_like",
    "full_like",
    "randn_like",
    "no_grad",
    "enable_grad",
    "is_grad_enabled",
    "set_grad_enabled",
    "grad",
    "manual_seed",
    "functional",
    "nn",
    "optim",
    "graph",
    "Module",
    "Parameter",
    "Linear",
    "Conv2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "LayerNorm",
    "Dropout",
    "Embedding",
    "Flatten",
    "ReLU",
    "GELU",
    "Tanh",
    "Sigmoid",
    "MaxPool2d",
    "AvgPool2d",
    "Sequential",
    "MSELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "SGD",
    "Adagrad",
    "RMSprop",
    "Adam",
    "AdamW",
    "lr_scheduler",
    "gradcheck",
    "save",
    "load",
    "batches",
    "fit",
    "evaluate",
    "History",
    "cat",
    "concat",
    "stack",
    "where",
    "clip",
    "maximum",
    "minimum",
    "exp",
    "log",
    "tanh",
    "sigmoid",
    "relu",
    "gelu",
    "softmax",
    "log_softmax",
    "logsumexp",
    "float32",
    "float64",
    "int64",
    "ShapeError",
]


def test_only_numpy_is_imported():
    code = (
        "import sys; import aigc_course.engine; "
        "top = {m.split('.')[0] for m in sys.modules}; "
        "print(sorted(top & "
        "{'torch', 'matplotlib', 'scipy', 'sklearn', 'pandas', 'psutil', 'tqdm', "
        "'IPython', 'safetensors', 'PIL'}))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert out.stdout.strip() == "[]", out.stdout


def test_the_contract_names_are_there():
    assert [name for name in FLAT if not hasattr(engine, name)] == []
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        assert hasattr(engine.nn.utils, name)
    assert hasattr(engine.nn.init, "kaiming_normal_") and hasattr(engine.graph, "trace")


def test_the_course_seed_is_the_engines_too():
    runtime.seed_everything(5)
    a = engine.randn(3).tolist()
    runtime.seed_everything(5)
    assert engine.randn(3).tolist() == a
    assert engine.randn(3).tolist() != a


def test_creation():
    rng = np.random.default_rng(0)
    assert engine.zeros(2, 3).shape == engine.zeros((2, 3)).shape == (2, 3)
    assert engine.full((2,), 3.0).tolist() == [3.0, 3.0] and engine.full((2,), 3).dtype == np.int64
    assert engine.eye(2).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert engine.linspace(0, 1, 3).tolist() == [0.0, 0.5, 1.0]
    assert engine.rand(5, generator=rng).dtype == np.float32
    assert engine.randint(0, 3, (4,), generator=rng).numpy().max() < 3
    assert sorted(engine.randperm(5, generator=rng).tolist()) == [0, 1, 2, 3, 4]
    like = engine.zeros(2, 3, dtype=np.float64)
    for made in (
        engine.zeros_like(like), engine.ones_like(like), engine.full_like(like, 2.0),
        engine.randn_like(like), engine.rand_like(like),
    ):  # fmt: skip
        assert made.shape == (2, 3) and made.dtype == np.float64
    assert engine.empty(2).shape == (2,) and engine.randn(2, requires_grad=True).requires_grad
