"""Every operation against PyTorch: values and gradients, float32 and float64, odd shapes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as TF
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course import engine
from aigc_course.engine import functional as F
from tests.engine.oracle import arrays, same

DTYPES = ["float32", "float64"]
BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / (b * b + 0.5),
    "pow": lambda a, b: (a * a + 0.5) ** b,
    "mod": lambda a, b: a % (b * b + 0.5),
}
UNARY = {
    "neg": lambda x: -x,
    "abs": lambda x: abs(x),
    "sqrt": lambda x: (x * x + 0.1).sqrt(),
    "rsqrt": lambda x: (x * x + 0.1).rsqrt(),
    "square": lambda x: x.square(),
    "reciprocal": lambda x: (x * x + 0.1).reciprocal(),
    "exp": lambda x: x.exp(),
    "expm1": lambda x: x.expm1(),
    "log": lambda x: (x * x + 0.1).log(),
    "log1p": lambda x: (x * x).log1p(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "erf": lambda x: (x * 3).erf(),
    "tanh": lambda x: x.tanh(),
    "sigmoid": lambda x: (x * 20).sigmoid(),
    "relu": lambda x: x.relu(),
    "clip": lambda x: x.clip(-0.5, 0.5),
    "clip_min": lambda x: x.clip(min=0.1),
    "clamp_max": lambda x: x.clamp(max=0.1),
    "pow2": lambda x: x**2,
    "pow3": lambda x: x**3,
    "pow0": lambda x: x**0,
    "pow_half": lambda x: (x * x + 0.1) ** 0.5,
    "pow_negative": lambda x: (x * x + 0.1) ** -1.5,
    "rpow": lambda x: 2**x,
    "radd": lambda x: 1 + x,
    "rsub": lambda x: 1.5 - x,
    "rmul": lambda x: 3 * x,
    "rdiv": lambda x: 2 / (x * x + 0.5),
    "sign": lambda x: x.sign() * x,
    "round": lambda x: (x * 4).round() + x,
    "floor": lambda x: (x * 4).floor() + x,
    "clone": lambda x: x.clone() * 2,
    "masked_fill": lambda x: x.masked_fill(x > 0, -3.0),
}
SHAPES = [(), (1,), (5,), (3, 4), (2, 1, 3), (0,), (2, 0, 3), (1, 1)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (3, 4)),
        ((3, 4), (4,)),
        ((3, 1), (1, 4)),
        ((2, 3, 4), (3, 1)),
        ((), (2, 3)),
        ((1,), (5,)),
        ((0, 3), (3,)),
        ((2, 1, 3), (4, 1)),
        ((), ()),
    ],
)
def test_binary(name, left, right, dtype):
    same(BINARY[name], None, arrays(1, left, right, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name, shape, dtype):
    same(UNARY[name], None, arrays(2, shape, dtype=dtype))


def shapes_that_broadcast():
    """A full shape and, for each operand, the same with axes dropped or set to 1."""

    def cut(full, drop, ones):
        kept = full[drop:]
        return tuple(1 if one else n for n, one in zip(kept, ones[: len(kept)], strict=True))

    @st.composite
    def build(draw):
        full = tuple(draw(st.lists(st.integers(0, 4), min_size=0, max_size=4)))
        pair = []
        for _ in range(2):
            drop = draw(st.integers(0, len(full)))
            ones = draw(st.lists(st.booleans(), min_size=len(full), max_size=len(full)))
            pair.append(cut(full, drop, ones))
        return pair

    return build()


@settings(max_examples=120, deadline=None)
@given(shapes_that_broadcast(), st.sampled_from(sorted(BINARY)), st.sampled_from(DTYPES))
def test_broadcasting_of_any_shapes(pair, name, dtype):
    same(BINARY[name], None, arrays(3, *pair, dtype=dtype))


@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extremes_of_two_share_ties(name):
    a = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    b = np.array([2.0, 2.0, 2.0])
    same(getattr(engine, name), getattr(torch, name), [a, b])


def test_where_with_tensors_and_numbers():
    a, b = arrays(4, (3, 4), (4,))
    mask = np.array([[True, False, True, False]] * 3)
    same(engine.where, torch.where, [mask, a, b])
    same(lambda m, x: engine.where(m, x, 0.5), lambda m, x: torch.where(m, x, 0.5), [mask, a])
    same(lambda m, x: engine.where(m, 0.5, x), lambda m, x: torch.where(m, 0.5, x), [mask, a])


def test_clip_lets_the_ends_pass():
    same(lambda x: x.clip(0.0, 1.0), None, [np.array([-1.0, 0.0, 0.5, 1.0, 2.0])])


def test_a_bound_gets_the_gradient_where_it_was_chosen():
    x, m = engine.tensor([1.0, 2.0, 3.0]), engine.tensor([2.0, 2.0, 2.0], requires_grad=True)
    x.clamp(min=m).sum().backward()
    assert m.grad.tolist() == [1, 0, 0]
    m.grad = None
    y = x.clone()
    y.clamp_(max=m).sum().backward()
    assert m.grad.tolist() == [0, 0, 1]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-2, 2), min_size=4, max_size=4),
    *[st.lists(st.integers(-2, 2), min_size=n, max_size=n) for n in (4, 4)],
    st.sampled_from([(4,), (3, 4), (4, 1), (1,), ()]),
)
def test_clip_between_any_tensors(x, low, high, shape):
    a, b, c = (np.array(v, float) for v in (x, low, high))
    b = np.resize(b, shape)

    def clamp(t, *bounds):  # torch's own broadcasting of clamp fails in its backward
        return torch.clamp(*torch.broadcast_tensors(t, *bounds))

    same(engine.clamp, clamp, [a, b, c])
    same(engine.clamp, clamp, [a, b])
    same(
        lambda t, hi: t.clamp(max=hi), lambda t, hi: torch.minimum(t, hi), [a, np.asarray(b + 0.5)]
    )


def test_clip_has_the_dtype_of_value_and_bounds_together():
    ints, halves = np.array([1, 2, 3]), np.array([1.5, 1.5, 1.5], np.float32)
    same(lambda t, m: t.clamp(min=m), None, [ints, halves])
    same(lambda t, m: t.clamp(max=m), None, [halves, halves.astype(np.float64)])
    same(lambda t: t.clamp(1.5, 2), None, [ints])


# --- reductions ------------------------------------------------------------------------------

REDUCTIONS = ["sum", "mean", "var", "std", "amax", "amin", "logsumexp"]
DIMS = [None, 0, 1, -1, (0, 2), (1,), (0, 1, 2)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name, dim, keep, dtype):
    (x,) = arrays(5, (3, 4, 2), dtype=dtype)
    dims = (0, 1, 2) if dim is None else dim
    same(
        lambda t: getattr(t, name)(dim, keepdim=keep),
        lambda t: getattr(t, name)(dims, keepdim=keep),
        [x],
    )


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "max", "min", "argmax", "argmin"])
def test_reduction_of_everything(name):
    for shape in [(), (1,), (3, 4), (1, 1, 1)]:
        same(lambda t: getattr(t, name)(), None, arrays(6, shape))


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_variance_corrections(correction):
    for name in ("var", "std"):
        same(lambda t, n=name: getattr(t, n)(1, correction=correction), None, arrays(7, (3, 5)))


def test_variance_of_one_value_is_nan_as_in_torch():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert engine.tensor([[1.0]]).var(1).isnan().all()
        assert engine.zeros(0).mean().isnan()


def test_std_of_equal_values_has_gradient_zero():
    same(lambda t: t.std(), None, [np.full((4,), 2.0)])


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", ["max", "min"])
def test_extreme_along_a_dim_gives_values_and_indices(name, keep):
    (x,) = arrays(8, (3, 4))
    for dim in (0, 1, -1):
        same(
            lambda t, d=dim: tuple(getattr(t, name)(d, keepdim=keep)),
            lambda t, d=dim: tuple(getattr(t, name)(d, keepdim=keep)),
            [x],
        )
    same(lambda t: tuple(getattr(t, name)(0)), None, [np.array(3.0)])


def test_tied_extremes_share_the_gradient_only_over_everything():
    x = np.array([[2.0, 2.0, 1.0], [0.0, 2.0, 2.0]])
    same(lambda t: t.max(), None, [x])
    same(lambda t: t.amax((0, 1)), None, [x])
    same(lambda t: t.amax(1), None, [x])
    same(lambda t: t.max(1)[0], None, [x])
    same(lambda t: t.min(0)[0], None, [x])


def test_numpy_names_mean_the_same():
    x = engine.tensor(arrays(9, (3, 4))[0])
    assert x.sum(axis=1, keepdims=True).shape == (3, 1)
    assert engine.mean(x, axis=0).shape == (4,)
    assert x.max(axis=0).values.shape == (4,)
    assert x.argmax(axis=1, keepdims=True).shape == (3, 1)
    assert engine.cat([x, x], axis=1).shape == (3, 8)
    with pytest.raises(TypeError, match="unexpected argument"):
        x.sum(axes=1)


@pytest.mark.parametrize("p", [1, 2, float("inf")])
def test_norm(p):
    same(lambda t: t.norm(p, 1), None, arrays(10, (3, 4)))
    same(lambda t: t.norm(p), None, arrays(10, (3, 4)))
    same(lambda t: t.norm(2), None, [np.zeros(3)])


def test_cumsum_all_any():
    same(lambda t: t.cumsum(0), None, arrays(11, (3, 4)))
    same(lambda t: t.cumsum(-1), None, arrays(11, (3, 4)))
    x = engine.tensor([[True, False], [True, True]])
    assert x.all(1).tolist() == [False, True] and x.any().item() is True


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-np.inf, -np.inf], [-1000.0, 3.0]])
    out = engine.tensor(x).logsumexp(1).numpy()
    np.testing.assert_allclose(out, torch.tensor(x).logsumexp(1).numpy())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.data(),
    st.sampled_from(["sum", "mean"]),
    st.booleans(),
)
def test_reductions_over_any_axes(shape, data, name, keep):
    dims = data.draw(st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        same(
            lambda t: getattr(t, name)(tuple(dims), keepdim=keep),
            None,
            arrays(12, tuple(shape)),
        )


# --- activations -----------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": (F.relu, TF.relu),
    "leaky_relu": (F.leaky_relu, TF.leaky_relu),
    "elu": (F.elu, TF.elu),
    "sigmoid": (F.sigmoid, torch.sigmoid),
    "logsigmoid": (F.logsigmoid, TF.logsigmoid),
    "softplus": (F.softplus, lambda x: TF.softplus(x, threshold=700.0)),
    "tanh": (F.tanh, torch.tanh),
    "silu": (F.silu, TF.silu),
    "gelu": (F.gelu, TF.gelu),
    "gelu_tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: TF.gelu(x, approximate="tanh"),
    ),
    "normalize": (F.normalize, TF.normalize),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, dtype):
    ours, theirs = ACTIVATIONS[name]
    for shape in [(3, 4), (1, 1), (0, 2), (2, 3, 4)]:
        same(ours, theirs, arrays(13, shape, dtype=dtype))
    same(ours, theirs, [(arrays(14, (6, 5))[0] * 8).astype(dtype)])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_softmax_and_log_softmax(dim, dtype):
    (x,) = arrays(15, (3, 4, 2), dtype=dtype)
    same(lambda t: F.softmax(t, dim), lambda t: TF.softmax(t, dim), [x * 5])
    same(lambda t: F.log_softmax(t, dim), lambda t: TF.log_softmax(t, dim), [x * 5])


def test_nothing_overflows():
    x = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        for name, (ours, _) in ACTIVATIONS.items():
            if name in ("normalize",):
                continue
            t = engine.tensor(x, requires_grad=True)
            out = ours(t)
            out.sum().backward()
            assert np.isfinite(out.detach().numpy()).all(), name
            assert np.isfinite(t.grad.numpy()).all(), name
        for f in (F.softmax, F.log_softmax):
            t = engine.tensor(x, requires_grad=True)
            f(t, 0).sum().backward()
            assert np.isfinite(t.grad.numpy()).all()


def test_erf_against_the_standard_library():
    import math

    x = np.concatenate([np.linspace(-7, 7, 4001), [0.46875, 4.0, -4.0, 0.0, 30.0, -30.0]])
    wanted = np.array([math.erf(v) for v in x])
    np.testing.assert_allclose(engine.tensor(x).erf().numpy(), wanted, rtol=1e-14, atol=0)
    assert engine.tensor([float("nan")]).erf().isnan().all()


# --- matmul ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4,)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 5)),
        ((3, 4), (2, 4, 5)),
        ((2, 1, 3, 4), (3, 4, 5)),
        ((5, 1, 1, 4), (1, 2, 4, 1)),
        ((1, 1), (1, 1)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((2, 0, 4), (4, 5)),
    ],
)
def test_matmul(left, right, dtype):
    same(lambda a, b: a @ b, None, arrays(16, left, right, dtype=dtype))


@settings(max_examples=60, deadline=None)
@given(shapes_that_broadcast(), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_batched_matmul_of_any_shapes(pair, n, k, m):
    left, right = (*pair[0], n, k), (*pair[1], k, m)
    same(lambda a, b: a @ b, None, arrays(17, left, right))


def test_matmul_of_transposed_and_strided_operands():
    same(lambda a, b: a.T @ b.T, None, arrays(18, (4, 3), (5, 4)))
    same(lambda a, b: a.mT @ b[:, ::2], None, arrays(18, (2, 4, 3), (4, 6)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3), (0, 3), (1, 3), (2, 0, 3)])
def test_linear(shape, dtype):
    same(F.linear, TF.linear, arrays(19, shape, (4, 3), (4,), dtype=dtype))
    same(lambda x, w: F.linear(x, w), lambda x, w: TF.linear(x, w), arrays(19, shape, (4, 3)))


# --- shape -----------------------------------------------------------------------------------

SHAPE_OPS = {
    "reshape": lambda x: x.reshape(4, 6),
    "reshape_minus_one": lambda x: x.reshape((-1, 2)),
    "reshape_as": lambda x: x.reshape_as(x.flatten()),
    "view": lambda x: x.view(6, 4),
    "transpose": lambda x: x.transpose(0, 2),
    "swapaxes": lambda x: x.swapaxes(-1, 0),
    "permute": lambda x: x.permute(2, 0, 1),
    "permute_tuple": lambda x: x.permute((1, 2, 0)),
    "mT": lambda x: x.mT,
    "T": lambda x: x[0].T,
    "movedim": lambda x: x.movedim(0, 2),
    "squeeze": lambda x: x[:, :1].squeeze(),
    "squeeze_dim": lambda x: x[:, :1].squeeze(1),
    "squeeze_nothing": lambda x: x.squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "unsqueeze_end": lambda x: x.unsqueeze(-1),
    "expand": lambda x: x[:, :1].expand(2, 5, 4),
    "expand_as": lambda x: x[:, :1].expand_as(x.flatten(2)),
    "expand_front": lambda x: x.expand(3, -1, -1, -1),
    "repeat": lambda x: x.repeat(2, 1, 3),
    "repeat_front": lambda x: x.repeat(2, 1, 1, 1),
    "flatten": lambda x: x.flatten(),
    "flatten_from": lambda x: x.flatten(1),
    "flatten_part": lambda x: x.flatten(0, 1),
    "unflatten": lambda x: x.unflatten(2, (2, -1)),
    "flip": lambda x: x.flip(0, 2),
    "split": lambda x: x.split(2, dim=2),
    "split_uneven": lambda x: x.split([1, 3], 2),
    "split_remainder": lambda x: x.split(3, 2),
    "chunk": lambda x: x.chunk(3, 2),
    "unbind": lambda x: x.unbind(1),
    "tril": lambda x: x.tril(),
    "triu": lambda x: x.triu(1),
    "contiguous": lambda x: x.mT.contiguous(),
    "iterate": lambda x: list(x),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SHAPE_OPS)
def test_shape_op(name, dtype):
    same(SHAPE_OPS[name], None, arrays(20, (2, 3, 4), dtype=dtype))


def test_cat_and_stack():
    a, b, c = arrays(21, (2, 3), (2, 1), (2, 3))
    same(lambda x, y: engine.cat([x, y], 1), lambda x, y: torch.cat([x, y], 1), [a, b])
    same(lambda x, y: engine.cat([x, y, x], -2), lambda x, y: torch.cat([x, y, x], -2), [a, c])
    for dim in (0, 1, 2, -1):
        same(
            lambda x, y, d=dim: engine.stack([x, y], d),
            lambda x, y, d=dim: torch.stack([x, y], d),
            [a, c],
        )


@pytest.mark.parametrize("pad", [(1, 2), (0, 1, 2, 0), (1, 1, 1, 1, 1, 1), (-1, 1), (0, 0, -1, -1)])
def test_pad(pad):
    (x,) = arrays(22, (2, 3, 4))
    same(lambda t: F.pad(t, pad, value=1.5), lambda t: TF.pad(t, pad, value=1.5), [x])


INDICES = {
    "int": lambda x: x[1],
    "negative": lambda x: x[-1, 2],
    "element": lambda x: x[0, 1, 2],
    "slice": lambda x: x[:, 1:],
    "step": lambda x: x[:, ::2],
    "ellipsis": lambda x: x[..., 0],
    "none": lambda x: x[:, None],
    "list": lambda x: x[[1, 0, 1]],
    "list_second": lambda x: x[:, [2, 2, 0]],
    "pairs": lambda x: x[[0, 1, 0], [2, 2, 2]],
    "pairs_twice": lambda x: x[(0, 0), (1, 1)],
    "tuple_and_slice": lambda x: x[(0, 0, 1), :, 1:],
    "tuple_of_bools": lambda x: x[(True, False), 1],
    "range": lambda x: x[:, range(2)],
    "mask": lambda x: x[x > 0],
    "row_mask": lambda x: x[np.array([True, False])] if not isinstance(x, torch.Tensor)
    else x[torch.tensor([True, False])],
    "empty": lambda x: x[:, 2:2],
}  # fmt: skip


@pytest.mark.parametrize("name", INDICES)
def test_index(name):
    same(INDICES[name], None, arrays(23, (2, 3, 4)))


def test_index_with_tensors_adds_up_duplicates():
    (x,) = arrays(24, (5, 3))
    many = np.random.default_rng(0).integers(-5, 5, size=(7, 20))
    same(lambda t, i: t[i], None, [x, many])
    same(lambda t, i: t[i, 1], None, [x, many])
    same(lambda t, i: t[:, i[0, :2] * 0], None, [x, many])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.data())
def test_fancy_indexing_of_any_rows(rows, columns, data):
    index = data.draw(st.lists(st.integers(-rows, rows - 1), max_size=60))
    same(lambda t, i: t[i], None, [arrays(25, (rows, columns))[0], np.array(index, np.int64)])


def test_the_issue_of_two_places_that_are_one():
    x = engine.ones(3, 3, requires_grad=True)
    x[(0, 0), (1, 1)].sum().backward()
    assert x.grad.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 0]]


@st.composite
def any_index(draw, shape):
    """A tuple of parts: ints with slices, or lists, tuples, arrays and masks with slices."""
    fancy, many = draw(st.booleans()), draw(st.integers(1, 4))
    made = []
    for size in shape[: draw(st.integers(0, len(shape)))]:
        places = st.lists(st.integers(-size, size - 1), min_size=many, max_size=many)
        bounds = st.none() | st.integers(-size - 1, size + 1)
        kinds = [st.builds(slice, bounds, bounds, st.sampled_from([None, 1, 2]))]
        if fancy:
            kinds += [places, places.map(tuple), places.map(np.array), st.just(range(1))]
        else:
            kinds += [st.integers(-size, size - 1)]
        made.append(draw(st.one_of(kinds)))
    if not any(isinstance(part, np.ndarray | list | tuple | range) for part in made):
        mask = np.array(draw(st.lists(st.booleans(), min_size=shape[0], max_size=shape[0])))
        made[:1] = [draw(st.sampled_from([slice(None), mask]))]
    if draw(st.booleans()):
        made.insert(draw(st.integers(0, len(made))), None)
    return tuple(made)


@settings(max_examples=150, deadline=None)
@given(any_index((3, 4, 2)))
def test_any_index(index):
    def pick(x):
        torchs = isinstance(x, torch.Tensor)
        return x[
            tuple(torch.tensor(p) if torchs and isinstance(p, np.ndarray) else p for p in index)
        ]

    same(pick, None, arrays(31, (3, 4, 2)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=5), st.sampled_from([(), (1,), (1, 1, 1)]))
def test_assigned_values_get_the_gradient_of_the_places_they_filled(rows, shape):
    rows = sorted(set(rows))

    def put(x, v):
        y = x * 1.0
        y[rows, :2] = v
        y[0] = v.reshape(1, 1)
        return y

    same(put, None, arrays(32, (3, 4), shape))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_small_integers_index_a_long_table(dtype):
    (w,) = arrays(33, (300, 2))
    index = np.array([1, 255, 1, 7] * 10).astype(dtype if dtype != "int16" else np.int16)
    wide = torch.tensor(index.astype(np.int64))
    same(lambda t: t[index], lambda t: t[wide], [w])
    same(lambda t: F.embedding(index, t), lambda t: TF.embedding(wide, t), [w])


def test_gather():
    (x,) = arrays(26, (3, 4))
    index = np.array([[0, 3, 3], [1, 1, 2]])
    same(lambda t, i: t.gather(1, i), None, [x, index])
    same(lambda t, i: t.gather(0, i % 3), None, [x, index])


@pytest.mark.parametrize("padding_idx", [None, 1])
def test_embedding(padding_idx):
    (w,) = arrays(27, (6, 3))
    index = np.array([[0, 1, 1, 5], [5, 5, 1, 0]])
    same(
        lambda i, t: F.embedding(i, t, padding_idx),
        lambda i, t: TF.embedding(i, t, padding_idx=padding_idx),
        [index, w],
    )
    same(F.embedding, TF.embedding, [np.zeros((0, 2), np.int64), w])


def test_one_hot():
    index = np.array([[0, 2], [1, 1]])
    assert (F.one_hot(index, 4).numpy() == TF.one_hot(torch.tensor(index), 4).numpy()).all()


def test_casts_convert_the_gradient_back():
    same(lambda x: (x.double() * 1.5).float(), None, arrays(28, (3,), dtype="float32"))
    same(lambda x: x.type_as(x.double()) * 2, None, arrays(28, (3,), dtype="float32"))
    same(lambda a, b: a * b, None, [*arrays(29, (3,), dtype="float32"), *arrays(30, (3,))])


# --- dtype -----------------------------------------------------------------------------------


@pytest.mark.parametrize("left", ["bool", "uint8", "int32", "int64", "float32", "float64"])
@pytest.mark.parametrize("right", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_promotion_is_torchs(left, right):
    for shapes in [((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())]:
        a, b = (np.ones(s, d) for s, d in zip(shapes, (left, right), strict=True))
        mine, theirs = (engine.tensor(v) for v in (a, b)), (torch.tensor(v) for v in (a, b))
        x, y = mine
        p, q = theirs
        for op in (lambda u, v: u + v, lambda u, v: u * v, lambda u, v: u / v):
            assert str(op(x, y).dtype) == str(op(p, q).dtype).removeprefix("torch.")
    for number in (2, 2.5, True):
        mine, theirs = engine.tensor(np.ones(2, left)), torch.tensor(np.ones(2, left))
        assert str((mine * number).dtype) == str((theirs * number).dtype).removeprefix("torch.")


def test_numpy_scalars_and_arrays_do_not_upcast():
    x = engine.ones(3)
    assert (x * np.float64(2.0)).dtype == np.float32
    assert (np.float64(2.0) * x).dtype == np.float32
    assert (x / np.sqrt(2)).dtype == np.float32
    assert (x + np.array(2.0)).dtype == np.float32
    assert (np.ones(3, np.float32) + x).dtype == np.float32
    assert isinstance(np.ones(3, np.float32) - x, engine.Tensor)
    assert (np.array([1.0, 5.0, 0.5], np.float32) > x).tolist() == [False, True, False]
    assert (np.ones((2, 3), np.float32) @ x).tolist() == [3.0, 3.0]


def test_lists_are_float32_arrays_keep_their_dtype():
    assert engine.tensor([1.0, 2]).dtype == np.float32
    assert engine.tensor([1, 2]).dtype == np.int64
    assert engine.tensor([True]).dtype == np.bool_
    assert engine.tensor(np.array([1.0])).dtype == np.float64
    assert engine.tensor(np.array([1.0], ">f4")).dtype == np.float32
    assert engine.arange(3).dtype == np.int64 and engine.arange(0, 1, 0.5).dtype == np.float32
    for f in (engine.exp, engine.sqrt, F.sigmoid):
        assert f(engine.tensor([1, 2])).dtype == np.float32


@pytest.mark.parametrize("name", UNARY)
def test_float32_stays_float32_and_half_of_it_is_not_secretly_double(name):
    x = engine.ones(2, 2, requires_grad=True)
    out = UNARY[name](x)
    assert out.dtype == np.float32
    out.sum().backward()
    assert x.grad.dtype == np.float32
