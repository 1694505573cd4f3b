"""What a training run stores is what it gets back, and it can hold no code."""

import os
from collections import OrderedDict

import numpy as np
import pytest

from aigc_course import engine
from aigc_course.training.state import load_state, save_state, save_weights


def back(tmp_path, **state):
    save_state(tmp_path / "state", state)
    return load_state(tmp_path / "state")


def test_plain_values_keep_their_types(tmp_path):
    state = {
        "n": None, "yes": True, "i": 2**70, "x": 0.1, "text": "第 1 轮", "list": [1, (2, [3])],
        "by number": {0: "a", (1, 2): "b"}, "empty": {}, "numpy": np.float64(0.5),
    }  # fmt: skip
    found = back(tmp_path, **state)
    assert found == state
    assert type(found["list"][1]) is tuple and type(found["yes"]) is bool


def test_a_name_that_looks_like_a_mark_is_only_a_name(tmp_path):
    state = {"__tuple__": [1], "x": {"__array__": "0"}, "y": {"__pairs__": 3}}
    assert back(tmp_path, **state) == state


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool", "float16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_arrays_come_back_as_they_were(tmp_path, dtype, shape):
    array = np.ones(shape, dtype)
    array.flat[:1] = 0
    found = back(tmp_path, tree=[{"a": array}])["tree"][0]["a"]
    assert found.dtype == array.dtype and found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_views_are_stored_by_their_values(tmp_path):
    array = np.arange(6).reshape(2, 3)
    found = back(tmp_path, t=array.T, every=array[:, ::2])
    np.testing.assert_array_equal(found["t"], array.T)
    np.testing.assert_array_equal(found["every"], array[:, ::2])


def test_a_random_generator_goes_on_where_it_was(tmp_path):
    rng = np.random.default_rng(3)
    rng.normal(size=5)
    other = np.random.default_rng()
    other.bit_generator.state = back(tmp_path, rng=rng.bit_generator.state)["rng"]
    np.testing.assert_array_equal(rng.normal(size=5), other.normal(size=5))


def test_model_and_optimiser_of_the_engine(tmp_path):
    def made():
        model = engine.Linear(3, 2, generator=np.random.default_rng(0))
        return model, engine.Adam(model.parameters(), lr=0.1)

    def step(model, optimizer):
        optimizer.zero_grad()
        (model(engine.ones(1, 3)) ** 2).sum().backward()
        optimizer.step()

    model, optimizer = made()
    step(model, optimizer)
    found = back(tmp_path, model=model.state_dict(), optimizer=optimizer.state_dict())
    model2, optimizer2 = made()
    model2.load_state_dict(found["model"])
    optimizer2.load_state_dict(found["optimizer"])
    step(model, optimizer)
    step(model2, optimizer2)
    np.testing.assert_array_equal(model.weight.detach().numpy(), model2.weight.detach().numpy())


def test_tensors_of_pytorch_come_back_as_such(tmp_path):
    import torch

    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    half = torch.ones(2, dtype=torch.bfloat16)
    found = back(
        tmp_path,
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        half=half,
        same=[half, half],
        array=np.ones(2),
        random=torch.get_rng_state(),
    )
    assert found["half"].dtype == torch.bfloat16 and isinstance(found["array"], np.ndarray)
    torch.set_rng_state(found["random"])
    model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    assert optimizer.state_dict()["state"][0]["step"] == 1


def test_what_cannot_be_stored_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"state\['a'\]\[1\]: got function, wanted arrays"):
        save_state(tmp_path / "state", {"a": [1, lambda: 0]})
    with pytest.raises(TypeError, match=r"state\['a'\]: got an array of <U1"):
        save_state(tmp_path / "state", {"a": np.array(["字"])})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_state_before(tmp_path, monkeypatch):
    save_state(tmp_path / "state", {"epoch": 1})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_state(tmp_path / "state", {"epoch": 2})
    assert load_state(tmp_path / "state") == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_nothing_stored(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "state")


def test_weights_are_a_plain_safetensors_file(tmp_path):
    from safetensors.numpy import load_file

    weights = OrderedDict(b=np.ones(3, np.float32), a=engine.tensor(np.eye(2)), s=np.array(2.0))
    assert save_weights(tmp_path / "w.safetensors", weights) == {"b": 3, "a": 4, "s": 1}
    found = load_file(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(found["a"], np.eye(2))
    with pytest.raises(TypeError, match=r"weights\['x'\]: got list, wanted an array"):
        save_weights(tmp_path / "w.safetensors", {"x": [1.0]})
