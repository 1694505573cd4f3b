"""The manifest, and what is said when a file is missing or damaged."""

import hashlib
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

REPOSITORY = package_root().parent
NAMES = [entry.name for entry in data.listing()]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A private copy of the data folder under a path with blanks and Chinese, and its archive."""
    root = tmp_path / "我的 课程 data"
    root.mkdir()
    shutil.copy(data_root() / "fashion_mnist.zip", root)
    for part in ("manifest", "cards", "licences", "builders"):
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
    assert entry.title and entry.licence and entry.source and entry.recipe
    if entry.licence_file:
        root = data_root() if entry.root == "data" else package_root()
        licence = (root / entry.licence_file).read_text(encoding="utf-8")
        assert "Copyright" in licence and len(licence) > 500
    else:
        assert entry.kind != "data", "what others made needs the text of their licence"


@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_makes_it_again_is_there(name):
    entry = data.item(name)
    match entry.kind, entry.command.split():
        case ("data", ["python", script]):
            assert script.startswith("data/builders/")
            assert (data_root() / script.removeprefix("data/")).is_file()
        case ("checkpoint", ["aigc", "train", recipe, "--preset", _, "--install"]):
            assert recipe == name and entry.file == f"checkpoints/{name}.safetensors"
        case ("results", ["python", script]):
            assert script.startswith("experiments/") and entry.file == f"results/{name}.csv"
            assert (REPOSITORY / script).is_file()
        case _:
            pytest.fail(f"{entry.kind}: {entry.command}")


TABLES = [entry.name for entry in data.listing() if entry.kind == "results"]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_of_its_script_as_it_is(name):
    entry = data.item(name)
    script = (REPOSITORY / entry.recipe).read_text(encoding="utf-8")  # whatever its line endings
    assert entry.made["script_sha256"] == hashlib.sha256(script.encode()).hexdigest()
    assert entry.made["rows"] == len(data.results(name))


@pytest.mark.parametrize("name", NAMES)
def test_card_tells_what_is_needed(name):
    page = data.show(name)
    assert page.present and page.path == page.item.path
    assert f"{page.item.size:,}" in page.card, "the card's size is not the manifest's"
    assert page.item.licence.split("-")[0] in page.card.replace("Open Font License", "OFL")
    assert page.item.command in page.card and "aigc data verify" in page.card
    assert sum("\u4e00" <= c <= "\u9fff" for c in page.card) > 200


def test_each_kind_keeps_to_its_budget():
    assert data.item("fashion_mnist").size <= 31_000_000
    for kind, (used, most) in manifest_module.usage().items():
        assert used <= most, f"{kind}: {used:,} bytes, budget {most:,}"


def test_nothing_lies_about_that_the_manifest_does_not_name():
    known = {entry.file for entry in data.listing()}
    shipped = [p for part in ("checkpoints", "results") for p in (data_root() / part).glob("*")]
    assert [p.name for p in shipped if p.relative_to(data_root()).as_posix() not in known] == []
    for card in (data_root() / "cards").glob("*.md"):
        begun = "〔待写〕" in card.read_text(encoding="utf-8")
        assert begun or card.stem in NAMES, f"{card.name}: no file, or no entry in the manifest"


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
    with pytest.raises(data.DataError, match=r"AIGC_DATA: got .*manifest/"):
        data.listing()


@pytest.mark.parametrize(
    ("text", "said"),
    [("name = 1", "got multiple values"), ("kind = ", "Invalid value"), ("", "missing")],
)
def test_broken_manifest_is_named(copy, text, said):
    (copy.parent / "manifest" / "font.toml").write_text(text, encoding="utf-8")
    with pytest.raises(data.DataError, match=rf"manifest damaged: .*font\.toml: .*{said}"):
        data.verify()


def test_restore_command_in_a_clone_is_what_one_types(monkeypatch):
    monkeypatch.delenv("AIGC_DATA", raising=False)
    if data_root() == package_root().parent / "data":
        assert data.item("font").restore == "python data/builders/font.py"


def test_restore_command_elsewhere_names_the_builder_where_it_lies(copy):
    assert data.item("font").restore == f'python "{copy.parent / "builders/font.py"}"'


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


# --- checkpoints and results -------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """An empty data folder of one's own; ``shipped(kind, file, content)`` adds an item to it."""
    monkeypatch.setenv("AIGC_DATA", str(tmp_path))
    (tmp_path / "manifest").mkdir()

    def add(kind, file, content, **more):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        entry = data.Item(
            path.stem,
            kind,
            "标题",
            file,
            len(content),
            sha256_of(path),
            "MIT",
            "s",
            "r",
            "c",
            **more,
        )
        text = manifest_module.as_toml(entry)
        (tmp_path / "manifest" / f"{path.stem}.toml").write_text(text, encoding="utf-8")
        return entry

    return add


def test_an_entry_is_read_as_it_was_written(shipped):
    made = {
        "seed": 3,
        "device": 'CPU，2 核 "x" \\ y',
        "config": {"lr": 1e-05, "hidden": [128, 64], "flag": True, "中 文": "值"},
    }
    entry = shipped("checkpoint", "checkpoints/net.safetensors", b"weights", made=made)
    assert data.item("net") == entry and data.item("net").made == made


def test_a_checkpoint_is_checked_before_it_is_loaded(shipped):
    entry = shipped("checkpoint", "checkpoints/net.safetensors", b"weights")
    assert data.checkpoint("net") == entry.path
    entry.path.write_bytes(b"other!!")
    with pytest.raises(data.DataError, match=r"damaged: .*net\.safetensors"):
        data.checkpoint("net")


def test_a_checkpoint_that_could_hold_code_is_refused(shipped):
    shipped("checkpoint", "checkpoints/net.pt", b"weights")
    with pytest.raises(data.DataError, match=r"net: wanted a \.safetensors file"):
        data.checkpoint("net")


def test_results_come_with_their_types(shipped):
    shipped(
        "results",
        "results/table.csv",
        b'name,seed,lr,loss,ok,date\nAdam,0,0.1,nan,True,2026-01-31\n"a,""b""",1,1,,False,\n',
    )
    first, second = data.results("table")
    loss = first.pop("loss")
    assert loss != loss
    assert first == {"name": "Adam", "seed": 0, "lr": 0.1, "ok": True, "date": "2026-01-31"}
    assert second == {
        "name": 'a,"b"', "seed": 1, "lr": 1.0, "loss": None, "ok": False, "date": None
    }  # fmt: skip
    assert type(second["lr"]) is float and type(second["seed"]) is int


def test_results_without_rows(shipped):
    shipped("results", "results/table.csv", b"name,seed\n")
    assert data.results("table") == []


def test_each_kind_has_a_function_of_its_own(shipped):
    shipped("checkpoint", "checkpoints/net.safetensors", b"weights")
    shipped("results", "results/table.csv", b"a\n1\n")
    with pytest.raises(data.DataError, match="table: got results, wanted a checkpoint.*: net$"):
        data.checkpoint("table")
    with pytest.raises(data.DataError, match="net: got checkpoint, wanted a results.*: table$"):
        data.results("net")


def test_listing_goes_by_kind_and_usage_adds_up(shipped):
    shipped("results", "results/b.csv", b"a\n1\n")
    shipped("data", "z.zip", b"zip")
    shipped("checkpoint", "checkpoints/c.safetensors", b"weights")
    shipped("data", "a.zip", b"12345")
    assert [entry.name for entry in data.listing()] == ["a", "z", "c", "b"]
    used = {kind: used for kind, (used, _) in manifest_module.usage().items()}
    assert used == {"data": 8, "checkpoint": 7, "results": 4}


def test_a_kind_that_is_none(shipped):
    shipped("weights", "x.zip", b"x")
    with pytest.raises(data.DataError, match="got 'weights', wanted one of data, checkpoint, res"):
        data.listing()


# --- loaders -----------------------------------------------------------------------------------


def test_a_loader_is_found_by_its_file(tmp_path, monkeypatch):
    source = 'def own():\n    """Verse."""\n    return ["床前明月光"]\n'
    (tmp_path / "own.py").write_text(source, encoding="utf-8")
    assert not hasattr(data, "own")
    loaders = sys.modules["aigc_course.data.loaders"]
    monkeypatch.setattr(loaders, "__path__", [*loaders.__path__, str(tmp_path)])
    try:
        assert data.own() == ["床前明月光"] and {"own", "fashion_mnist"} <= set(dir(data))
    finally:
        sys.modules.pop("aigc_course.data.loaders.own", None)
        vars(loaders).pop("own", None)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        data.nothing
