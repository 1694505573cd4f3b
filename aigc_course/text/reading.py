"""Bytes of a text file, as text: UTF-8 or GBK, told apart by what the bytes can be."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

from aigc_course.errors import UserError

__all__ = ["decode", "numbered_lines", "read_lines", "read_text"]

# the sign for what could not be decoded, and what GBK reads where UTF-8 has written two of it
_LOST = {"\ufffd": "“�”（U+FFFD）", "锟斤拷": "“锟斤拷”"}


def decode(raw: bytes, name: str = "text") -> str:
    """``raw`` as text: UTF-8 (with or without a byte order mark), UTF-16 with one, or GB 18030.

    UTF-8 is tried first: its rules are so strict that other text of more than a few characters
    does not keep them by chance, whereas nearly any bytes are *some* GB 18030. Line ends become
    ``\\n``.

    Args:
        raw: the file's bytes.
        name: what an error calls them.

    Raises:
        UserError: neither encoding fits, there is a NUL byte (the file is not text), or the
            text had been decoded wrongly before it was stored, so that characters are lost.

    Example:
        >>> decode("春眠不觉晓\\r\\n".encode("gbk"))
        '春眠不觉晓\\n'
        >>> decode(b"\\xef\\xbb\\xbfA")
        'A'
    """
    marked = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    encodings = ["utf-16"] if marked else ["utf-8-sig", "gb18030"]
    text, broken = None, 0
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError as error:
            broken = broken or error.start
    if text is None:
        line = raw.count(b"\n", 0, broken) + 1
        raise UserError(
            f"{name} 不是 UTF-8，也不是 GBK：第 {line} 行，第 {broken} 个字节起读不通",
            "用编辑器另存为 UTF-8；或文件没有下载完，重新取一次",
        )
    if "\0" in text:
        raise UserError(f"{name} 里有 NUL 字节，不是文本文件", "换成 .txt、.csv、.jsonl 一类的文件")
    for lost, shown in _LOST.items():
        if lost in text:
            line = text.count("\n", 0, text.index(lost)) + 1
            raise UserError(
                f"{name} 第 {line} 行有{shown}：存盘以前就解错了码，那里的字已经丢了",
                "回到更早的一份；别用 errors='replace' 读了再存",
            )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file; see :func:`decode`.

    Raises:
        UserError: the file is missing, unreadable, or no text that can be decoded.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"没有文件 {path}", "看看路径；文件夹名里有空格时用引号括起来") from error
    except OSError as error:
        raise UserError(
            f"读不了 {path}（{error.strerror}）", "它可能是文件夹，或没有权限"
        ) from error
    return decode(raw, str(path))


def read_lines(path: str | os.PathLike[str]) -> Iterator[str]:
    """The lines of a text file that hold something, without blanks at their ends.

    Only ``\\n``, ``\\r\\n`` and ``\\r`` end a line: the separators U+2028 and U+0085, at which
    ``str.splitlines`` breaks too, occur inside crawled sentences.

    Raises:
        UserError: as :func:`read_text`.
    """
    for _, line in numbered_lines(path):
        yield line


def numbered_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """As :func:`read_lines`, each with its number in the file, from 1; one line in memory.

    The file is read twice. The first time finds the encoding, which hangs on its last byte too; so
    a file that is broken somewhere gives no line at all.

    Raises:
        UserError: as :func:`read_text`.
    """
    path = Path(path)
    try:
        encoding = _encoding_of(path)
        if encoding is not None:
            with open(path, encoding=encoding, newline=None) as file:
                for number, line in enumerate(file, 1):
                    if line := line.strip():
                        yield number, line
            return
    except OSError:
        pass  # read_text says what is wrong
    # rare, so it may hold the whole file: to say where it is broken
    read_text(path)
    raise UserError(f"{path} 在读的时候变了", "等写它的程序写完，再来一次")


_PIECE = 1 << 20  # bytes read at once


def _encoding_of(path: Path) -> str | None:
    """How :func:`decode` would read the file; None if it would not."""
    with open(path, "rb") as file:
        marked = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        for encoding in ["utf-16"] if marked else ["utf-8-sig", "gb18030"]:
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            end, piece = "", b"start"
            try:
                while piece:
                    piece = file.read(_PIECE)
                    text = end + decoder.decode(piece, final=not piece)
                    if "\0" in text or any(lost in text for lost in _LOST):
                        return None
                    end = text[-2:]  # what is looked for may lie across two pieces
            except UnicodeDecodeError:
                continue
            return encoding
    return None
