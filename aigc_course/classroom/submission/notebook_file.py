"""A notebook file that nobody vouches for: from its bytes to the text of its cells.

Bytes are decoded and JSON is read within limits; what is not needed is not looked at.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["MAX_BYTES", "Damaged", "RawCell", "WrongFile", "read_cells"]

MAX_BYTES = 20 * 1024 * 1024
MAX_CELLS = 5_000
MAX_BRACKETS = 1_000_000  # of JSON: each becomes an object of 60 bytes and more


class Damaged(Exception):
    """The file cannot be read as a notebook; ``reason`` is for the student, in Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WrongFile(Exception):
    """A readable file, but not this notebook; ``reason`` is for the student, in Chinese."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class RawCell:
    """A cell of the file: only what matters here, and only of the right type."""

    number: int  # from 1
    kind: str
    ids: frozenset[str]  # the cell's id and nbgrader's
    source: str


def read_cells(data: bytes) -> tuple[list[RawCell], tuple[str, ...]]:
    """The cells of a notebook, and what is unusual about the file.

    Raises:
        Damaged: it cannot be read as a notebook.
        WrongFile: it is something else, or a notebook of another language.

    Example:
        >>> data = b'{"cells": [{"cell_type": "code", "id": "a", "source": ["x = 1"]}]}'
        >>> read_cells(data)[0]
        [RawCell(number=1, kind='code', ids=frozenset({'a'}), source='x = 1')]
    """
    raw = _parsed(data)
    cells = _raw_cells(raw)
    _refuse_other_language(raw)
    return cells, () if "cells" in raw else ("旧格式的笔记本（nbformat 3）",)


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        sizes = f"文件有 {len(data) / 2**20:.1f} MB，上限 {MAX_BYTES / 2**20:.0f} MB"
        raise Damaged(f"{sizes}：清除输出后再交")
    if not data.strip(b"\xef\xbb\xbf\0 \t\r\n"):
        raise Damaged("文件是空的")
    known = {b"PK\x03\x04": "ZIP 压缩包", b"%PDF": "PDF", b"\x1f\x8b": "gzip 压缩包"}
    for start, what in known.items():
        if data.startswith(start):
            raise WrongFile(f"这是 {what}，不是笔记本（.ipynb）")
    if data.count(b"[") + data.count(b"{") > MAX_BRACKETS:
        raise Damaged("JSON 的结构太大：清除输出后再交")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Damaged(f"不是 UTF-8 文本（第 {error.start + 1} 个字节起）") from None
    try:
        raw = json.loads(text, strict=False, parse_constant=lambda _: None)
    except RecursionError:
        raise Damaged("JSON 嵌套太深") from None
    except json.JSONDecodeError as error:
        if text.lstrip().lower().startswith(("<!doctype", "<html")):
            raise WrongFile("这是网页（HTML），不是笔记本（.ipynb）") from None
        raise Damaged(f"不是完整的 JSON（第 {error.lineno} 行）") from None
    except ValueError:  # an integer of thousands of digits
        raise Damaged("JSON 里有读不出来的数") from None
    if not isinstance(raw, dict) or not ("cells" in raw or "worksheets" in raw):
        raise WrongFile("是 JSON，但不是笔记本")
    return raw


def _raw_cells(raw: dict[str, Any]) -> list[RawCell]:
    cells = raw.get("cells")
    if cells is None and isinstance(raw["worksheets"], list):  # format 3 and before
        sheets = [sheet for sheet in raw["worksheets"] if isinstance(sheet, dict)]
        found = [sheet.get("cells") for sheet in sheets]
        cells = [cell for some in found if isinstance(some, list) for cell in some]
    if not isinstance(cells, list):
        raise Damaged("“cells” 不是列表")
    if len(cells) > MAX_CELLS:
        raise Damaged(f"有 {len(cells)} 个单元格，上限 {MAX_CELLS}")
    return [_cell(number, cell) for number, cell in enumerate(cells, 1)]


def _cell(number: int, cell: Any) -> RawCell:
    if not isinstance(cell, dict):
        raise Damaged(f"第 {number} 个单元格不是对象")
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise Damaged(f"第 {number} 个单元格的内容不是文本")
    metadata = cell.get("metadata")
    grader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    ids = [cell.get("id"), grader.get("grade_id") if isinstance(grader, dict) else None]
    return RawCell(
        number,
        str(cell.get("cell_type", ""))[:20],
        frozenset(id for id in ids if isinstance(id, str)),
        _clean(source),
    )


def _clean(source: str) -> str:
    """Line ends of this world; no NUL and no half of a surrogate pair, which no file can hold."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return re.sub("[\ud800-\udfff]", "\ufffd", source)


def _refuse_other_language(raw: dict[str, Any]) -> None:
    metadata = raw.get("metadata")
    if not isinstance(metadata, dict):
        return
    for group, key in (("kernelspec", "language"), ("language_info", "name")):
        inner = metadata.get(group)
        name = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(name, str) and name and "python" not in name.lower():
            raise WrongFile(f"笔记本的语言是 {name[:30]}，应为 Python：换回 Python 内核再交")
