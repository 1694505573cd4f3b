"""Convolution, pooling and batch normalisation beside PyTorch's, values and gradients."""

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from aigc_course.models.convolution import (
    col2im,
    convolve,
    im2col,
    max_pool,
    normalise,
    normalise_gradient,
    output_size,
    views,
)

small = st.integers(1, 5)
sides = st.integers(1, 9)


def images(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(small, small, sides, sides, small, small, st.integers(1, 4), st.integers(0, 3))
def test_im2col_is_unfold_and_col2im_its_adjoint(b, c, h, w, kh, kw, stride, padding):
    assume(kh <= h + 2 * padding and kw <= w + 2 * padding)
    x = images(b, c, h, w)
    columns = im2col(x, (kh, kw), stride, padding)
    assert torch.equal(columns, F.unfold(x, (kh, kw), padding=padding, stride=stride))
    y = torch.randn_like(columns)
    back = col2im(y, (b, c, h, w), (kh, kw), stride, padding)
    folded = F.fold(y, (h, w), (kh, kw), padding=padding, stride=stride)
    assert torch.allclose(back, folded, atol=1e-12)
    assert torch.allclose((columns * y).sum(), (x * back).sum(), atol=1e-9)


@settings(max_examples=60)
@given(small, small, small, sides, sides, small, small, st.integers(1, 4), st.integers(0, 3),
       st.booleans())  # fmt: skip
def test_convolution_and_its_gradients_are_pytorchs(b, c, o, h, w, kh, kw, stride, padding, biased):
    assume(kh <= h + 2 * padding and kw <= w + 2 * padding)
    inputs = [images(b, c, h, w), images(o, c, kh, kw, seed=1)]
    inputs += [images(o, seed=2)] if biased else []
    mine = [one.clone().requires_grad_() for one in inputs]
    theirs = [one.clone().requires_grad_() for one in inputs]
    y = convolve(*mine, stride=stride, padding=padding)
    wanted = F.conv2d(*theirs, stride=stride, padding=padding)
    assert y.shape == wanted.shape
    assert torch.allclose(y, wanted, atol=1e-12)
    dy = torch.randn_like(y)
    y.backward(dy)
    wanted.backward(dy)
    for a, b_ in zip(mine, theirs, strict=True):
        assert torch.allclose(a.grad, b_.grad, atol=1e-11)


def test_inputs_that_need_no_gradient_get_none():
    x, weight = images(2, 3, 5, 5), images(4, 3, 3, 3).requires_grad_()
    convolve(x, weight).sum().backward()
    assert weight.grad is not None
    assert x.grad is None


def test_the_finite_difference_agrees():
    inputs = [images(2, 2, 4, 5), images(3, 2, 2, 3, seed=1), images(3, seed=2)]
    inputs = [one.requires_grad_() for one in inputs]
    assert torch.autograd.gradcheck(lambda *a: convolve(*a, stride=2, padding=1), inputs)


@given(small, small, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3))
def test_max_pool_is_pytorchs_also_where_several_are_largest(b, c, h, w, kernel, stride):
    assume(kernel <= min(h, w))
    x = images(b, c, h, w).round()  # many ties
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, wanted = max_pool(mine, kernel, stride), F.max_pool2d(theirs, kernel, stride)
    assert torch.equal(y, wanted)
    dy = torch.randn_like(y)
    y.backward(dy)
    wanted.backward(dy)
    assert torch.allclose(mine.grad, theirs.grad, atol=1e-12)


def test_max_pool_strides_by_its_kernel():
    x = images(1, 1, 6, 7)
    assert torch.equal(max_pool(x, 3), F.max_pool2d(x, 3))


@given(small, small, small, small, st.booleans(), st.floats(0.01, 1), st.floats(1e-5, 0.1))
def test_normalising_is_pytorchs_in_both_modes(b, c, h, w, training, momentum, eps):
    assume(b * h * w > 1)
    x, gamma, beta = images(b, c, h, w), images(c, seed=1), images(c, seed=2)
    mean, var = images(c, seed=3), images(c, seed=4).abs()
    theirs = [one.clone().requires_grad_() for one in (x, gamma, beta)]
    their_mean, their_var = mean.clone(), var.clone()
    wanted = F.batch_norm(theirs[0], their_mean, their_var, *theirs[1:], training, momentum, eps)
    mine = [one.clone().requires_grad_() for one in (x, gamma, beta)]
    before = mean.clone(), var.clone()
    out = normalise(mine[0], mine[1], mine[2], mean, var, training, momentum, eps)
    assert torch.allclose(out.y, wanted, atol=1e-10)
    assert torch.allclose(out.mean, their_mean, atol=1e-12)
    assert torch.allclose(out.var, their_var, atol=1e-12)
    assert torch.equal(mean, before[0])
    assert torch.equal(var, before[1])
    assert not out.mean.requires_grad
    dy = torch.randn_like(wanted)
    wanted.backward(dy)
    out.y.backward(dy)
    for a, b_ in zip(mine, theirs, strict=True):
        assert torch.allclose(a.grad, b_.grad, atol=1e-8)
    if training:
        by_hand = normalise_gradient(dy, out.x_hat, out.scale, gamma)
        for found, b_ in zip(by_hand, theirs, strict=True):
            assert torch.allclose(found, b_.grad, atol=1e-8)


def test_one_number_a_channel_cannot_be_normalised():
    one = torch.ones(2)
    with pytest.raises(ValueError, match=r"\(1, 2, 1, 1\), wanted more than one number"):
        normalise(torch.zeros(1, 2, 1, 1), one, one, one, one, training=True)
    assert normalise(torch.zeros(1, 2, 1, 1), one, one, one, one, training=False).y.shape[1] == 2


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)), max_size=4))
def test_the_receptive_field_is_where_the_gradient_is(layers):
    size = 61
    x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, padding in layers:
        assume(kernel <= y.shape[2] + 2 * padding and padding < kernel)
        weight = torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
        y = F.conv2d(y, weight, stride=stride, padding=padding)
    found = views(layers, size)
    place = y.shape[2] // 2
    y[0, 0, place, place].backward()
    seen = x.grad[0, 0].sum(0).nonzero().flatten().tolist()
    field, jump, start = (found[-1].field, found[-1].jump, found[-1].start) if found else (1, 1, 0)
    assert y.shape[2] == (found[-1].size if found else size)
    first = start + place * jump
    assert seen[0] == max(first, 0)
    if first >= 0 and first + field <= size:
        assert set(seen) <= set(range(first, first + field))
        assert seen[-1] == first + field - 1
        if all(stride <= kernel for kernel, stride, _ in layers):  # no pixel is skipped
            assert len(seen) == field


@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 4), st.integers(0, 3))
def test_the_size_is_pytorchs(size, kernel, stride, padding):
    assume(kernel <= size + 2 * padding)
    conv = nn.Conv2d(1, 1, kernel, stride, padding)
    wanted = conv(torch.zeros(1, 1, size, size)).shape[2]
    assert output_size(size, kernel, stride, padding) == wanted


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: output_size(3, 5), "kernel: got 5, wanted 1 to 3"),
        (lambda: output_size(3, 0), "kernel: got 0"),
        (lambda: output_size(3, 2, 0), "stride, padding: got 0, 0"),
        (lambda: output_size(3, 2, 1, -1), "got 1, -1"),
        (lambda: im2col(torch.zeros(2, 3, 3), (2, 2)), r"x\[:, None\]"),
        (lambda: col2im(torch.zeros(1, 4, 3), (1, 1, 3, 3), (2, 2)), r"wanted \(1, 4, 4\)"),
        (lambda: convolve(torch.zeros(1, 2, 3, 3), torch.zeros(1, 3, 2, 2)), r"\(C_out, 2, kH"),
        (
            lambda: convolve(torch.zeros(1, 2, 3, 3), torch.zeros(4, 2, 2, 2), torch.zeros(3)),
            r"bias: got \(3,\), wanted \(4,\)",
        ),
    ],
)
def test_bad_input_is_met_at_the_door(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_images_give_no_images():
    assert convolve(torch.zeros(0, 1, 5, 5), torch.zeros(2, 1, 3, 3)).shape == (0, 2, 3, 3)
