"""safetensors files: the reference library reads ours, we read its, and damage is named."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

from aigc_course import engine
from aigc_course.engine import nn
from aigc_course.engine.serialise import DTYPES


def state():
    rng = np.random.default_rng(0)
    made = {f"层.{d}": (rng.normal(size=(3, 2)) * 10).astype(d) for d in DTYPES}
    return made | {"scalar": np.array(2.5, np.float32), "empty": np.zeros((0, 4))}


def test_the_reference_library_reads_it(tmp_path):
    wanted = state()
    engine.save(wanted, tmp_path / "a.safetensors", metadata={"课": "04"})
    back = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert set(back) == set(wanted)
    for name, value in wanted.items():
        assert back[name].dtype == value.dtype and (back[name] == value).all()
    assert engine.load_metadata(tmp_path / "a.safetensors") == {"课": "04"}


def test_it_reads_the_reference_library(tmp_path):
    wanted = state()
    safetensors.numpy.save_file(wanted, tmp_path / "b.safetensors", metadata={"a": "b"})
    back = engine.load(tmp_path / "b.safetensors")
    assert set(back) == set(wanted)
    for name, value in wanted.items():
        assert back[name].dtype == value.dtype and (back[name].numpy() == value).all()
        assert back[name].data.flags.writeable


def test_a_model_goes_out_and_comes_back_also_through_torch(tmp_path):
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    engine.save(net, tmp_path / "net.safetensors")
    twin = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    twin.load_state_dict(engine.load(tmp_path / "net.safetensors"))
    for name, value in net.state_dict().items():
        assert (twin.state_dict()[name].data == value.data).all(), name
    theirs = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert theirs["3.weight"].shape == (3, 8)


def test_transposed_and_foreign_byte_order(tmp_path):
    a = np.arange(6.0).reshape(2, 3)
    engine.save({"t": a.T, "b": a.astype(">f8")}, tmp_path / "c.safetensors")
    back = safetensors.numpy.load_file(tmp_path / "c.safetensors")
    assert (back["t"] == a.T).all() and (back["b"] == a).all()


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch):
    path = tmp_path / "d.safetensors"
    engine.save({"w": np.ones(2)}, path)

    def full_disk(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="no space"):
        engine.save({"w": np.zeros(2)}, path)
    assert [p.name for p in tmp_path.iterdir()] == ["d.safetensors"]
    assert engine.load(path)["w"].tolist() == [1.0, 1.0]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_others_may_read_what_the_umask_lets_them(tmp_path):
    path = tmp_path / "m.safetensors"
    before = os.umask(0o022)
    try:
        for wanted in (0o644, 0o640):
            engine.save({"w": np.ones(2)}, path)
            assert path.stat().st_mode & 0o777 == wanted
            path.chmod(0o640)
    finally:
        os.umask(before)


def damaged(tmp_path, change):
    path = tmp_path / "e.safetensors"
    engine.save({"w": np.ones((2, 3), np.float32), "b": np.ones(3, np.float32)}, path)
    path.write_bytes(change(path.read_bytes()))
    return path


def with_header(blob, edit):
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    edit(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + blob[8 + size :]


DAMAGE = {
    "empty": (lambda b: b"", "it has 0 bytes"),
    "cut off": (lambda b: b[:-4], "take 36 bytes, 32 are there"),
    "longer": (lambda b: b + b"1234", "take 36 bytes, 40 are there"),
    "pickle": (lambda b: b"\x80\x04" + b * 2, "header should have"),
    "not json": (lambda b: b[:8] + b"x" + b[9:], "invalid JSON in header"),
    "not text": (lambda b: b[:9] + b"\xff" + b[10:], "invalid UTF-8"),
    "list": (lambda b: (2).to_bytes(8, "little") + b"[]", "invalid type: sequence"),
    "shape": (lambda b: with_header(b, lambda h: h["w"].update(shape=[2, 4])), "invalid shape"),
    "overlap": (lambda b: with_header(b, lambda h: h["w"].update(data_offsets=[0, 24])), "offset"),
    "hole": (lambda b: with_header(b, lambda h: h.pop("b")), "offset"),
    "no dtype": (lambda b: with_header(b, lambda h: h["w"].pop("dtype")), "missing field `dtype`"),
    "negative": (lambda b: with_header(b, lambda h: h["w"].update(shape=[-2, -3])), "integer `-2`"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named(name, tmp_path):
    change, words = DAMAGE[name]
    path = damaged(tmp_path, change)
    for read in (engine.load, engine.load_metadata):
        with pytest.raises(engine.SafetensorsError, match=rf"e\.safetensors: not a .*{words}"):
            read(path)


def test_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        engine.save({"w": np.ones(1)}, tmp_path / "no" / "w.safetensors")
    with pytest.raises(FileNotFoundError):
        engine.load(tmp_path / "none.safetensors")
    with pytest.raises(TypeError, match="wanted a module or a dict"):
        engine.save([1], tmp_path / "w.safetensors")
    with pytest.raises(TypeError, match="got the name 3"):
        engine.save({3: np.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(TypeError, match="complex64"):
        engine.save({"w": np.ones(1, np.complex64)}, tmp_path / "w.safetensors")
    with pytest.raises(TypeError, match="complex128"):
        engine.save({"w": np.ones(1, complex)}, tmp_path / "w.safetensors")
    with pytest.raises(TypeError, match="convert numbers"):
        engine.save({"w": np.ones(1)}, tmp_path / "w.safetensors", metadata={"epoch": 1})
    safetensors.torch.save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "bf16")
    with pytest.raises(TypeError, match="bf16: holds a tensor of dtype BF16"):
        engine.load(tmp_path / "bf16")
