"""Calls on copies: neither the judge's arguments nor the reference see what an answer does."""

import numpy as np
import pytest
import torch

from aigc_course.judging.caller import Caller
from tests.support.loopback import proxied


def right(x, layers, k=1):
    return x + k


def test_both_get_copies_and_the_judges_own_stay_as_they_were():
    def spoils(x, layers, k=1):
        x[:] = 0
        layers[0][0][:] = 0
        layers.pop()
        return x

    seen = []
    call = Caller(spoils, lambda x, layers, k: seen.append((x, layers, k)) or x + k)
    x, layers = np.ones(2), [(np.ones(1),), (np.ones(1),)]
    got, want = call(x, layers, k=3)
    assert got.tolist() == [0, 0] and want.tolist() == [4, 4]
    assert x.tolist() == [1, 1] and len(layers) == 2 and layers[0][0].tolist() == [1]
    [(its_x, its_layers, _)] = seen
    assert its_x is not x and its_layers[0][0] is not layers[0][0]


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda x, layers: None, None),
        (lambda x, layers: x.__iadd__(1), "x"),
        (lambda x, layers: layers.pop(), "layers"),
        (lambda x, layers: layers.append(1), "layers"),
        (lambda x, layers: layers[0][0].fill(7), "layers"),
        (lambda x, layers: layers[1].clear(), "layers"),
        (lambda x, layers: layers[1].update(a="2"), "layers"),
        (lambda x, layers: layers.__setitem__(0, object()), "layers"),
        (lambda x, layers: layers[2].mul_(2), "layers"),
    ],
)
def test_every_change_of_an_argument_is_seen(spoil, name):
    call = Caller(spoil, right)
    call(np.array([1.0, np.nan]), [(np.ones(1),), {"a": 1}, torch.ones(2)])
    step = call.untouched(weight=0.5)
    assert step.ok == (name is None) and step.label == "没有改动输入" and step.weight == 0.5
    if name is not None:
        assert step.hint == f"{name} 被原地修改了：先 copy，或写成新数组"
        other = {"x": "layers", "layers": "x"}[name]
        assert call.untouched(other).ok and not call.untouched(name).ok
        step = call.untouched(name, label="没有改动 layers", hint="不要 pop")
        assert (step.label, step.hint) == ("没有改动 layers", "不要 pop")


def test_every_call_is_remembered():
    def spoils_the_second(x, layers, k=1):
        x += k - 1
        return x

    call = Caller(spoils_the_second, right)
    call(np.ones(2), [])
    assert call.untouched().ok
    call(np.ones(2), [], k=2)
    call(np.ones(2), [])
    assert not call.untouched("x").ok and call.untouched("layers", "k").ok
    with pytest.raises(ValueError, match="no call had an argument named"):
        call.untouched("y")


def test_an_answer_in_another_process_is_watched_too():
    def spoils(x, layers):
        layers[0] *= 2
        return x

    with proxied(spoils) as far:
        call = Caller(far, right)
        got, want = call(np.ones(2), [np.ones(1)])
        assert got.tolist() == [1, 1] and want.tolist() == [2, 2]
        assert call.untouched("x").ok and not call.untouched("layers").ok


def test_the_reference_draws_what_the_answer_drew():
    call = Caller(lambda rng: rng.random(3), lambda rng: rng.random(3))
    rng = np.random.default_rng(0)
    first, second = call(rng), call(rng)
    assert first[0].tolist() == first[1].tolist() != second[0].tolist()
    assert second[0].tolist() == second[1].tolist()


def test_without_a_reference():
    call = Caller(lambda x, k: x.fill(k))
    assert call(np.ones(1), k=2) == (None, None)
    assert call.untouched().hint.startswith("第 1 个输入 被原地修改") and call.untouched("k").ok


def test_tensors_that_want_gradients_are_copied_as_leaves():
    x = torch.ones(2, requires_grad=True)
    call = Caller(lambda x: (x * x).sum().backward() or x.grad, lambda x: 2 * x.detach())
    got, want = call(x)
    assert torch.equal(got, want) and x.grad is None and call.untouched().ok
