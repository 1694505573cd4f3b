"""What is shipped, with checksums: read the manifest, find a file, prove that it is whole.

The manifest is a folder: ``data/manifest/NAME.toml`` describes one file, ``data/cards/NAME.md`` is
its card. There are three kinds: ``data``; ``checkpoint``, weights that ``aigc train`` made; and
``results``, the small table that a long experiment left behind.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from aigc_course.data.paths import MANIFEST, data_root, in_clone, package_root
from aigc_course.errors import DataError

__all__ = [
    "BUDGETS",
    "Check",
    "Item",
    "Kind",
    "Page",
    "as_toml",
    "checkpoint",
    "item",
    "listing",
    "read_entry",
    "require",
    "results",
    "sha256_of",
    "show",
    "usage",
    "verify",
]

Kind = Literal["data", "checkpoint", "results"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BUDGETS: dict[Kind, int] = {  # bytes that all files of a kind may take together
    "data": 60_000_000,
    "checkpoint": 60_000_000,
    "results": 2_000_000,
}


@dataclass(frozen=True)
class Item:
    """One shipped file, as the manifest describes it.

    Attributes:
        name: short name, unique, used by loaders and by ``aigc data``.
        kind: ``"data"``, ``"checkpoint"`` or ``"results"``.
        title: one line in Chinese.
        file: path below ``root``, with forward slashes.
        size: bytes.
        sha256: checksum of the file, lower-case hex.
        licence: SPDX name.
        source: what it is made from: registry package and version, or other shipped files.
        recipe: how, in one or two sentences.
        command: what makes the file again, typed in a clone of the course.
        root: ``"data"`` (the data folder) or ``"package"`` (inside ``aigc_course``).
        content_sha256: checksum of what the file unpacks to (members in the archive's order), so
            that two files that differ only in their packing can be told from two that differ in
            content; empty where the file is not packed.
        licence_file: path below ``root`` of the licence's text; empty for what the course made
            itself.
        made: how a checkpoint or a table of results came about: configuration, seed, checksums of
            the data, device, seconds, versions, metrics.
    """

    name: str
    kind: Kind
    title: str
    file: str
    size: int
    sha256: str
    licence: str
    source: str
    recipe: str
    command: str
    root: str = "data"
    content_sha256: str = ""
    licence_file: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where the file is on this machine (whether or not it exists)."""
        return (data_root() if self.root == "data" else package_root()) / self.file

    @property
    def card(self) -> str:
        """Path below the data folder of the card, Markdown in Chinese."""
        return f"cards/{self.name}.md"

    @property
    def restore(self) -> str:
        """The command that makes the file again, as one types it on this machine."""
        script = self.command.removeprefix("python data/")
        if script != self.command and not in_clone():
            return f'python "{data_root() / script}"'
        return self.command


@dataclass(frozen=True)
class Check:
    """What :func:`verify` found about one file.

    Attributes:
        item: the file's entry in the manifest.
        ok: whether the file is there and whole.
        status: ``"ok"``, ``"missing"``, ``"empty"``, ``"damaged"`` or ``"unreadable"``.
        found_sha256: checksum of the file as it is; empty when it could not be read.
        found_size: bytes on disk; 0 when it is missing.
        message: empty when ok, else what :class:`DataError` would say.
    """

    item: Item
    ok: bool
    status: str
    found_sha256: str
    found_size: int
    message: str


@dataclass(frozen=True)
class Page:
    """Everything to show about one file: its manifest entry, its card, where it is."""

    item: Item
    card: str
    path: Path
    present: bool


def read_entry(path: Path) -> Item:
    """The manifest entry that a file NAME.toml describes.

    Raises:
        DataError: it cannot be read, or a field is missing or unknown.
    """
    try:
        entry = Item(path.stem, **tomllib.loads(path.read_text(encoding="utf-8")))
        if entry.kind not in KINDS:
            raise ValueError(f"kind: got {entry.kind!r}, wanted one of {', '.join(KINDS)}")
    except (TypeError, ValueError) as error:  # not TOML, not UTF-8, a field too many or missing
        raise DataError(
            f"manifest damaged: {path}: {error}; restore it from a fresh copy of the course"
        ) from error
    return entry


def as_toml(entry: Item) -> str:
    """The text of ``data/manifest/NAME.toml`` for ``entry``.

    Example:
        >>> item("fashion_mnist") == Item("fashion_mnist", **tomllib.loads(
        ...     as_toml(item("fashion_mnist"))))
        True
    """
    lines = []
    for one in fields(entry):
        value = getattr(entry, one.name)
        if one.name not in ("name", "made") and value != one.default:
            lines.append(f"{one.name} = {_toml(value)}")
    if entry.made:
        lines += ["", "[made]", *(f"{_key(k)} = {_toml(v)}" for k, v in entry.made.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(v)}" for key, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # a JSON string, number or truth value is one in TOML as well
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def listing() -> list[Item]:
    """Every shipped file: data, checkpoints, results, each kind by name.

    Example:
        >>> [entry.name for entry in listing() if entry.kind == "data"][:2]
        ['fashion_mnist', 'font']
    """
    entries = map(read_entry, sorted((data_root() / MANIFEST).glob("*.toml")))
    return sorted(entries, key=lambda entry: KINDS.index(entry.kind))


def item(name: str) -> Item:
    """The manifest's entry for ``name``.

    Raises:
        DataError: there is no such entry; the message lists those there are.

    Example:
        >>> item("fashion_mnist").licence
        'MIT'
    """
    known = sorted(path.stem for path in (data_root() / MANIFEST).glob("*.toml"))
    if name not in known:
        raise DataError(f"name: got {name!r}, wanted one of {', '.join(known)}")
    return read_entry(data_root() / MANIFEST / f"{name}.toml")


def show(name: str) -> Page:
    """The manifest's entry and the card of ``name``.

    Raises:
        DataError: unknown name, or the card is missing.

    Example:
        >>> show("fashion_mnist").card.splitlines()[0]
        '# Fashion-MNIST'
    """
    entry = item(name)
    card = data_root() / entry.card
    try:
        text = card.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"data card missing: {card}; restore it from a fresh copy of the course"
        ) from error
    return Page(entry, text, entry.path, entry.path.is_file())


def usage() -> dict[Kind, tuple[int, int]]:
    """Bytes that the files of each kind take together, and how many they may.

    Example:
        >>> [kind for kind, (used, most) in usage().items() if used > most]
        []
    """
    entries = listing()
    return {
        kind: (sum(entry.size for entry in entries if entry.kind == kind), most)
        for kind, most in BUDGETS.items()
    }


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hex. Reads in blocks, so any size is fine."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(entry: Item) -> Check:
    path = entry.path
    found, size = "", 0
    try:
        size = path.stat().st_size
        found = sha256_of(path)
    except FileNotFoundError:
        status, reason = "missing", "data file missing"
    except OSError as error:
        status = "unreadable"
        reason = f"data file unreadable ({error.strerror or type(error).__name__})"
    else:
        if found == entry.sha256:
            return Check(entry, True, "ok", found, size, "")
        status = "damaged" if size else "empty"
        reason = f"data file {status}"
    message = (
        f"{reason}: {path}\n"
        f"  sha256 wanted: {entry.sha256} ({entry.size:,} bytes)\n"
        f"  sha256 found:  {found or 'none'} ({size:,} bytes)\n"
        f"  restore it:    {entry.restore}\n"
        f"  then check:    aigc data verify"
    )
    return Check(entry, False, status, found, size, message)


def verify(names: list[str] | None = None) -> list[Check]:
    """Compare shipped files with the manifest's checksums.

    Args:
        names: which to check; all when not given.

    Returns:
        One :class:`Check` a file, in order. Damage is reported, not raised.

    Raises:
        DataError: a name is unknown, or the manifest itself cannot be read.

    Example:
        >>> [check.status for check in verify(["fashion_mnist"])]
        ['ok']
    """
    return [_check(entry) for entry in (listing() if names is None else map(item, names))]


_trusted: set[tuple[str, int, int]] = set()  # (path, size, mtime) whose checksum was right


def require(name: str) -> Path:
    """Path of a data file that has been checked to be whole.

    The checksum is computed once per process and file; again only if size or date change.

    Raises:
        DataError: the file is missing or damaged.
    """
    entry = item(name)
    path = entry.path
    try:
        stat = path.stat()
        key = (str(path), stat.st_size, stat.st_mtime_ns)
    except OSError:
        key = None
    if key is None or key not in _trusted:
        check = _check(entry)
        if not check.ok:
            raise DataError(check.message)
        if key is not None:
            _trusted.add(key)
    return path


def checkpoint(name: str) -> Path:
    """Path of a shipped checkpoint, checked to be whole: a safetensors file, which holds no code.

    Raises:
        DataError: no checkpoint of that name, or its file is missing or damaged.

    Example:
        >>> checkpoint("fashion_mnist")
        Traceback (most recent call last):
        ...
        aigc_course.errors.DataError: fashion_mnist: got data, wanted a checkpoint; there are: ...
    """
    if _of_kind(name, "checkpoint").path.suffix != ".safetensors":
        raise DataError(f"{name}: wanted a .safetensors file; other formats may hold code")
    return require(name)


def results(name: str) -> list[dict[str, Any]]:
    """The rows of a shipped table of results, one dictionary a row.

    A column holds whole numbers, else numbers, else True and False, else text: the first of these
    that all its cells are. An empty cell is None.

    Raises:
        DataError: no results of that name, or the file is missing or damaged.
    """
    _of_kind(name, "results")
    with require(name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return []
    columns = {key: _typed([row[key] for row in rows]) for key in rows[0]}
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _of_kind(name: str, kind: Kind) -> Item:
    entry = item(name)
    if entry.kind != kind:
        known = ", ".join(other.name for other in listing() if other.kind == kind) or "none"
        raise DataError(f"{name}: got {entry.kind}, wanted a {kind}; there are: {known}")
    return entry


def _typed(cells: list[str]) -> list[Any]:
    """The cells of one column as what they all are.

    Example:
        >>> _typed(["1", ""]), _typed(["1", "2.5", "nan"]), _typed(["True"]), _typed(["007", "1"])
        ([1, None], [1.0, 2.5, nan], [True], ['007', '1'])
    """
    filled = [cell for cell in cells if cell]
    kinds: list[tuple[str, Callable[[str], Any]]] = [
        (r"-?(0|[1-9]\d*)", int),
        (r"-?((0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?|inf|nan)", float),
        ("True|False", "True".__eq__),
    ]
    for pattern, convert in kinds:
        if all(re.fullmatch(pattern, cell) for cell in filled):
            return [convert(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]
