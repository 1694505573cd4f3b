"""The manifest, and what is said when a file is missing or damaged."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from aigc_course import data
from aigc_course.data import manifest as manifest_module
from aigc_course.data.manifest import sha256_of
from aigc_course.data.paths import data_root, package_root

NAMES = [entry.name for entry in data.listing()]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A private copy of the data folder under a path with blanks and Chinese, and its archive."""
    root = tmp_path / "我的 课程 data"
    root.mkdir()
    for part in ("manifest.toml", "fashion_mnist.zip"):
        shutil.copy(data_root() / part, root / part)
    for part in ("cards", "licences", "builders"):
        shutil.copytree(data_root() / part, root / part)
    monkeypatch.setenv("AIGC_DATA", str(root))
    return root / "fashion_mnist.zip"


def test_every_shipped_file_is_whole():
    checks = data.verify()
    assert [check.item.name for check in checks] == NAMES
    for check in checks:
        assert check.ok and check.status == "ok" and check.message == ""
        assert check.found_sha256 == check.item.sha256 and check.found_size == check.item.size


@pytest.mark.parametrize("name", NAMES)
def test_entry_is_complete(name):
    entry = data.item(name)
    assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert entry.path.stat().st_size == entry.size
    assert (data_root() / "builders" / entry.builder).is_file()
    root = data_root() if entry.root == "data" else package_root()
    licence = (root / entry.licence_file).read_text(encoding="utf-8")
    assert "Copyright" in licence and len(licence) > 500
    assert entry.title and entry.licence and entry.source and entry.recipe


@pytest.mark.parametrize("name", NAMES)
def test_card_tells_what_is_needed(name):
    page = data.show(name)
    assert page.present and page.path == page.item.path
    assert f"{page.item.size:,}" in page.card, "the card's size is not the manifest's"
    assert page.item.licence.split("-")[0] in page.card.replace("Open Font License", "OFL")
    assert page.item.builder in page.card and "aigc data verify" in page.card
    assert sum("\u4e00" <= c <= "\u9fff" for c in page.card) > 200


def test_repository_stays_light():
    assert data.item("fashion_mnist").size <= 31_000_000
    assert sum(entry.size for entry in data.listing()) < 60_000_000


def test_unknown_name_lists_those_there_are():
    with pytest.raises(data.DataError, match=r"'mnist'.*fashion_mnist, font"):
        data.show("mnist")


def test_one_changed_byte_is_found_and_explained(copy):
    raw = bytearray(copy.read_bytes())
    raw[len(raw) // 2] ^= 1
    copy.write_bytes(raw)
    (check,) = data.verify(["fashion_mnist"])
    assert not check.ok and check.status == "damaged"
    with pytest.raises(data.DataError) as caught:
        data.fashion_mnist()
    text = str(caught.value)
    assert text == check.message
    assert str(copy) in text
    assert data.item("fashion_mnist").sha256 in text and sha256_of(copy) in text
    assert "fashion_mnist.py" in text and "aigc data verify" in text


def test_damage_after_a_good_load_is_found(copy):
    data.fashion_mnist()
    raw = bytearray(copy.read_bytes())
    raw[-100] ^= 1
    copy.write_bytes(raw)
    os.utime(copy, (1, 1))  # a changed date is noticed even if the clock is coarse
    with pytest.raises(data.DataError, match="damaged"):
        data.fashion_mnist()


@pytest.mark.parametrize("content, status", [(None, "missing"), (b"", "empty"), (b"PK", "damaged")])
def test_missing_empty_and_cut_files(copy, content, status):
    copy.unlink()
    if content is not None:
        copy.write_bytes(content)
    assert data.verify(["fashion_mnist"])[0].status == status
    with pytest.raises(data.DataError, match=f"data file {status}"):
        data.fashion_mnist()


def test_folder_in_place_of_the_file_is_unreadable(copy):
    copy.unlink()
    copy.mkdir()
    assert data.verify(["fashion_mnist"])[0].status in ("unreadable", "missing")
    with pytest.raises(data.DataError, match=r"fashion_mnist\.zip"):
        data.fashion_mnist()


def test_odd_path_and_read_only_folder_load(copy):
    copy.chmod(0o444)
    copy.parent.chmod(0o555)
    try:
        assert len(data.fashion_mnist().train) == 55_000
    finally:
        copy.parent.chmod(0o755)


def test_wrong_archive_with_right_checksum_is_still_explained(copy, monkeypatch):
    copy.write_bytes(b"not a zip")
    entry = replace(data.item("fashion_mnist"), sha256=sha256_of(copy))
    monkeypatch.setattr(manifest_module, "item", lambda name: entry)
    with pytest.raises(data.DataError, match=r"cannot read .*fashion_mnist\.py"):
        data.fashion_mnist()


def test_data_folder_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    with pytest.raises(data.DataError, match=r"AIGC_DATA: got .*manifest\.toml"):
        data.listing()


def test_broken_manifest_is_named(copy):
    (copy.parent / "manifest.toml").write_text("[[item]]\nname = 1", encoding="utf-8")
    with pytest.raises(data.DataError, match="manifest damaged"):
        data.verify()


def test_restore_command_in_a_clone_is_what_one_types(monkeypatch):
    monkeypatch.delenv("AIGC_DATA", raising=False)
    if data_root() == package_root().parent / "data":
        assert data.item("font").restore == "python data/builders/font.py"


def test_import_is_light():
    code = (
        "import sys, aigc_course.data;"
        "print([m for m in ('torch', 'matplotlib', 'PIL', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_are_not_tracked_twice():
    names = [Path(entry.file).name for entry in data.listing()]
    assert len(names) == len(set(names))
    assert not (package_root() / "_data").exists() or data_root() == package_root() / "_data"
