"""Builders make the shipped bytes again: from shipped content always, from registries on ask."""

import gzip
import hashlib
import importlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from aigc_course import data
from aigc_course.data.manifest import sha256_of
from aigc_course.data.paths import data_root

BUILDERS = data_root() / "builders"
ask = pytest.mark.skipif(
    os.environ.get("AIGC_TEST_REGISTRY", "") in ("", "0"),
    reason="downloads packages; set AIGC_TEST_REGISTRY=1 to run",
)


@pytest.fixture
def builder(monkeypatch):
    """Import a builder as its command line does; forget it afterwards."""
    monkeypatch.syspath_prepend(str(BUILDERS))
    yield importlib.import_module
    for path in BUILDERS.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The four original files, as in the unpacked package."""
    folder = tmp_path_factory.mktemp("解开的 package")
    with zipfile.ZipFile(data.item("fashion_mnist").path) as archive:
        archive.extractall(folder / "usr" / "share")
    return folder


def test_same_content_gives_the_same_bytes(builder, unpacked, tmp_path):
    out = tmp_path / "again.zip"
    builder("fashion_mnist").make(unpacked, out)
    assert sha256_of(out) == data.item("fashion_mnist").sha256


def test_content_checksum_is_of_the_unpacked_members():
    found = hashlib.sha256()
    with zipfile.ZipFile(data.item("fashion_mnist").path) as archive:
        for name in archive.namelist():
            found.update(gzip.decompress(archive.read(name)))
    assert found.hexdigest() == data.item("fashion_mnist").content_sha256


def test_other_content_is_refused_and_nothing_written(builder, unpacked, tmp_path):
    for path in unpacked.rglob("*.gz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"other")
    out = tmp_path / "again.zip"
    before = set(tmp_path.iterdir())
    with pytest.raises(data.DataError, match=data.item("fashion_mnist").sha256):
        builder("fashion_mnist").make(tmp_path, out)
    assert set(tmp_path.iterdir()) == before


def test_incomplete_package_and_missing_folder_are_named(builder, tmp_path):
    module = builder("fashion_mnist")
    with pytest.raises(data.DataError, match=r"train-images-idx3-ubyte[.]gz not found"):
        module.make(tmp_path)
    with pytest.raises(data.DataError, match="--from: got"):
        module.make(tmp_path / "nowhere")


def test_target_that_cannot_be_written(builder, unpacked, tmp_path):
    blocker = tmp_path / "file"
    blocker.write_bytes(b"")
    with pytest.raises(data.DataError, match="cannot write"):
        builder("fashion_mnist").make(unpacked, blocker / "again.zip")


def test_missing_package_manager_points_to_from(builder, tmp_path):
    common = builder("common")
    with pytest.raises(data.DataError, match=r"no-such-program is not installed.*--from"):
        common.run(["no-such-program"], cwd=tmp_path)


def test_command_line_says_the_cause_in_one_line_and_fails(tmp_path):
    done = subprocess.run(
        [sys.executable, BUILDERS / "fashion_mnist.py", "--from", tmp_path],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 1 and "not found below" in done.stderr
    assert "Traceback" not in done.stderr


@ask
@pytest.mark.parametrize("name", [one.name for one in data.listing() if one.kind == "data"])
def test_registry_gives_the_shipped_bytes(builder, tmp_path, name):
    out = tmp_path / "again"
    builder(Path(data.item(name).command.split()[-1]).stem).make(None, out)
    assert sha256_of(out) == data.item(name).sha256
