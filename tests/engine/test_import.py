"""The engine needs only NumPy, and its names are those of the contract."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from aigc_course import engine, runtime
from aigc_course.engine import functional, nn, optim

GROUND = ("errors", "files", "places")  # what a part of the course may always import
NN = """
    AvgPool2d BCELoss BCEWithLogitsLoss BatchNorm1d BatchNorm2d Conv2d CrossEntropyLoss
    Dropout ELU Embedding Flatten GELU HuberLoss Identity L1Loss LayerNorm LeakyReLU Linear
    LogSoftmax MSELoss MaxPool2d Module ModuleDict ModuleList NLLLoss Parameter ReLU
    Sequential SiLU Sigmoid Softmax Softplus Tanh Unflatten init utils
"""
FLAT = """
    Adagrad Adam AdamW GradcheckError History Muon Optimizer RMSprop SGD SafetensorsError
    ShapeError Tensor amax amin arange argmax argmin as_tensor batches bool_ cat chunk clamp
    clip concat concatenate cos cumsum empty enable_grad erf evaluate exp eye fit flatten flip
    float32 float64 from_numpy full full_like functional gather gelu grad gradcheck graph
    int32 int64 is_grad_enabled linspace load load_metadata log log1p log_softmax logsumexp
    lr_scheduler manual_seed masked_fill matmul maximum mean minimum nn no_grad norm ones
    ones_like optim permute rand rand_like randint randn randn_like randperm relu reshape save
    set_grad_enabled sigmoid sign sin softmax split sqrt square squeeze stack std tanh tensor
    transpose tril triu uint8 unbind unsqueeze var where zeros zeros_like
"""
OPTIM = "SGD Adagrad Adam AdamW Muon Optimizer RMSprop lr_scheduler"
FUNCTIONAL = """
    avg_pool2d batch_norm binary_cross_entropy binary_cross_entropy_with_logits conv2d
    cross_entropy dropout elu embedding gelu huber_loss l1_loss layer_norm leaky_relu linear
    log_softmax logsigmoid max_pool2d mse_loss nll_loss normalize one_hot pad relu sigmoid
    silu softmax softplus tanh
"""


def test_only_numpy_is_imported_and_of_the_course_only_its_ground():
    code = (
        "import sys; import numpy.random; before = set(sys.modules); import aigc_course.engine; "
        "new = set(sys.modules) - before; "
        "print(*sorted({m.split('.')[0] for m in new} - set(sys.stdlib_module_names))); "
        "print(*sorted(m for m in new if m.startswith('aigc_course.') "
        "and not m.startswith('aigc_course.engine')))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    libraries, course = out.stdout.split("\n")[:2]
    assert set(libraries.split()) <= {"aigc_course", "numpy"}
    assert set(course.split()) <= {f"aigc_course.{name}" for name in GROUND}


def test_no_module_of_the_engine_reaches_into_the_course_beyond_its_ground():
    for path in Path(engine.__file__).parent.rglob("*.py"):
        depth = len(path.relative_to(Path(engine.__file__).parent).parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level > depth:
                names = [f"aigc_course.{node.module or node.names[0].name}"]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            for name in names:
                allowed = [f"aigc_course.{ground}" for ground in (*GROUND, "engine")]
                assert not name.startswith("aigc_course") or name.startswith(tuple(allowed)), path


@pytest.mark.parametrize(
    ("module", "names"),
    [(engine, FLAT + NN), (nn, NN), (optim, OPTIM), (functional, FUNCTIONAL)],
)
def test_the_public_names_are_those_of_the_contract(module, names):
    assert sorted(module.__all__) == sorted(names.split())
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_names_of_pythons_own_are_there_but_not_for_a_star_import():
    for name in ("abs", "all", "any", "max", "min", "sum"):
        assert getattr(engine, name).__module__.startswith("aigc_course.engine.ops")
        assert name not in engine.__all__
    public = {n for n, v in vars(engine).items() if n[0] != "_" and not isinstance(v, ModuleType)}
    assert public - set(engine.__all__) == {"abs", "all", "any", "max", "min", "sum"}
    for name in ("clip_grad_norm_", "clip_grad_value_"):
        assert hasattr(nn.utils, name)
    assert hasattr(nn.init, "kaiming_normal_") and hasattr(engine.graph, "trace")


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
