"""What was saved comes back; what does not fit is told with the file and what to do."""

import json
import os
import random

import numpy as np
import pytest
import torch
from torch import nn

from aigc_course.errors import UserError
from aigc_course.training import checkpoint

SETTINGS = {"train": {"steps": 9, "lr": 0.1}, "rows": 5}


@pytest.fixture
def folder(tmp_path):
    checkpoint.save(tmp_path, 4, {"w": torch.arange(6.0).reshape(2, 3)}, {"done": 4}, SETTINGS)
    return tmp_path


def changed(folder, **told):
    pointer = folder / checkpoint.POINTER
    content = json.loads(pointer.read_text(encoding="utf-8")) | told
    pointer.write_text(json.dumps(content), encoding="utf-8")


def test_weights_and_state_come_back_and_the_older_pair_goes(folder):
    checkpoint.save(folder, 8, {"w": torch.ones(1)}, {"done": 8, "m": torch.zeros(2)}, SETTINGS)
    weights, state = checkpoint.load(folder, SETTINGS)
    assert weights["w"].tolist() == [1.0] and state["done"] == 8 and state["m"].shape == (2,)
    names = {path.name for path in folder.iterdir()}
    assert names == {"last.json", "last-00000008.safetensors", "last-00000008.state"}


@pytest.mark.parametrize("file", [1, 2, 3])
def test_a_disk_that_fails_leaves_the_older_pair(folder, monkeypatch, file):
    move, left = os.replace, [file]

    def replace(*arguments):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        move(*arguments)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save(folder, 8, {"w": torch.ones(1)}, {"done": 8}, SETTINGS)
    assert checkpoint.load(folder, SETTINGS)[1] == {"done": 4}


def test_nothing_saved(tmp_path):
    assert checkpoint.load(tmp_path, SETTINGS) is None


def test_another_config(folder):
    other = {"train": {"steps": 9, "lr": 0.2}, "rows": 5}
    with pytest.raises(
        UserError, match=r"last\.json .*train\.lr 原来是 0\.1，这一次是 0\.2 → 改回"
    ):
        checkpoint.load(folder, other)
    with pytest.raises(UserError, match="rows 原来是 5，这一次是 None"):
        checkpoint.load(folder, {"train": SETTINGS["train"]})


def test_another_device(folder):
    with pytest.raises(UserError, match=r"last\.json 是在 cpu 上训练的，.* cuda.*AIGC_DEVICE=cpu"):
        checkpoint.load(folder, SETTINGS, "cuda")


def test_a_newer_version(folder):
    changed(folder, format=2, unknown="field")
    with pytest.raises(UserError, match=r"last\.json 的格式是 2，.*只认到 1 → 更新课程"):
        checkpoint.load(folder, SETTINGS)


@pytest.mark.parametrize("name", ["last-00000004.safetensors", "last-00000004.state"])
def test_a_file_that_is_cut_changed_or_gone(folder, name):
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"{name} 有 .* 字节，应有 .* → 从备份换回"):
        checkpoint.load(folder, SETTINGS)
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(UserError, match=f"{name} 的内容变了"):
        checkpoint.load(folder, SETTINGS)
    path.unlink()
    (folder / "best.safetensors").touch()
    with pytest.raises(UserError, match=f"{name} 不见了.*best.safetensors 没有受影响"):
        checkpoint.load(folder, SETTINGS)


INCOMPLETE = b'{"format": 1, "device": "cpu", "settings": {}, "files": {"weights": {"name": 1}}}'


@pytest.mark.parametrize(
    "content", [b"", b'{"format": 1', b"[]", b"\xff\xfe", b'{"format": 1}', INCOMPLETE]
)
def test_a_pointer_that_cannot_be_read(folder, content):
    (folder / checkpoint.POINTER).write_bytes(content)
    with pytest.raises(UserError, match=r"last\.json (读不出来|缺了内容) → 从备份换回"):
        checkpoint.load(folder, SETTINGS)


def test_weights_alone_say_what_does_not_fit(tmp_path):
    path = tmp_path / "best.safetensors"
    with pytest.raises(UserError, match="没有 .*best.safetensors 这个文件"):
        checkpoint.load_weights(path, nn.Linear(2, 3))
    trained = nn.Linear(2, 3)
    checkpoint.save_weights(path, trained.state_dict())
    model = nn.Linear(2, 3)
    checkpoint.load_weights(path, model)
    assert torch.equal(model.weight, trained.weight)
    with pytest.raises(UserError, match=r"weight 的形状是 \(3, 2\)，这个模型的是 \(3, 4\)"):
        checkpoint.load_weights(path, nn.Linear(4, 3))
    with pytest.raises(UserError, match="里有 bias，这个模型没有"):
        checkpoint.load_weights(path, nn.Linear(2, 3, bias=False))
    with pytest.raises(UserError, match=r"里没有 0\.weight，这个模型有"):
        checkpoint.load_weights(path, nn.Sequential(nn.Linear(2, 3)))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="不是完整的 safetensors 文件"):
        checkpoint.load_weights(path, model)


def test_every_source_of_randomness_goes_on_where_it_was(tmp_path):
    own = {"a": np.random.default_rng(1), "b": torch.Generator(), "c": random.Random(2)}

    def draw():
        return (
            random.gauss(0, 1), np.random.normal(), torch.randn(3).tolist(), own["a"].normal(),
            torch.rand(2, generator=own["b"]).tolist(), own["c"].gauss(0, 1),
        )  # fmt: skip

    draw()
    checkpoint.save(tmp_path, 1, {}, {"random": checkpoint.random_states(own)}, {})
    wanted = draw()
    assert draw() != wanted
    checkpoint.set_random_states(checkpoint.load(tmp_path, {})[1]["random"], own)
    assert draw() == wanted
    with pytest.raises(ValueError, match="generators: got"):
        checkpoint.set_random_states(checkpoint.random_states(own), {"a": own["a"]})


def test_shared_weights_are_stored_once_and_put_back_twice(tmp_path):
    def tied():
        model = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 5, bias=False))
        model[1].weight = model[0].weight
        return model

    first, second = tied(), tied()
    once = checkpoint.own_weights(first)
    assert list(once) == ["0.weight"]
    checkpoint.put_weights(second, once, tmp_path / "x")
    assert torch.equal(second[1].weight, first[0].weight)
    checkpoint.put_weights(second, {n: v + 1 for n, v in first.state_dict().items()}, tmp_path)
    assert torch.equal(second[1].weight, first[0].weight + 1)
    untied = nn.Sequential(nn.Embedding(5, 2), nn.Linear(2, 5, bias=False))
    with pytest.raises(UserError, match=r"没有 1\.weight"):
        checkpoint.put_weights(untied, once, tmp_path / "x")
