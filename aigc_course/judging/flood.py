"""What an answer prints while it is judged: the beginning of it, so that the card stays in view."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["beneath", "with_little_printed"]

T = TypeVar("T")

LINES = 20
CHARACTERS = 2_000


class _Capped:
    """A stream that lets through the first lines and counts the rest."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self._lines, self._characters = LINES, CHARACTERS
        self.kept_back = 0  # characters

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        if self._lines > 0 and self._characters > 0:
            shown = "".join(text.splitlines(keepends=True)[: self._lines])[: self._characters]
            self._lines -= shown.count("\n")
            self._characters -= len(shown)
            self.stream.write(shown)
        else:
            shown = ""
        self.kept_back += len(text) - len(shown)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)


def beneath(stream: Any) -> Any:
    """The stream itself, where what an answer prints into it is counted."""
    while isinstance(stream, _Capped):
        stream = stream.stream
    return stream


def with_little_printed(function: Callable[[], T]) -> T:
    """``function()``; of what it prints, the first 20 lines or 2,000 characters get through.

    Example:
        >>> with_little_printed(lambda: print("a\\n" * 1_000, end=""))  # doctest: +ELLIPSIS
        a
        ...
        …（还打印了 1,960 个字，没有显示）
    """
    out, err = sys.stdout, sys.stderr
    capped = _Capped(out), _Capped(err)
    sys.stdout, sys.stderr = capped
    try:
        return function()
    finally:
        if sys.stdout is capped[0]:
            sys.stdout = out
        if sys.stderr is capped[1]:
            sys.stderr = err
        kept_back = sum(stream.kept_back for stream in capped)
        if kept_back:
            print(f"\n…（还打印了 {kept_back:,} 个字，没有显示）")
