"""Bytes to text: the encodings that occur, and an error for each way in which a file is broken."""

import pytest

from aigc_course.errors import UserError
from aigc_course.text.reading import decode, read_lines, read_text

POEM = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "ascii-poem"]
)
def test_the_encodings_that_occur(encoding):
    if encoding == "ascii-poem":
        assert decode(b"plain ascii") == "plain ascii"
    else:
        assert decode(POEM.encode(encoding)) == POEM


def test_the_rarest_characters_of_gb18030():
    assert decode("𠮷野家 €".encode("gb18030")) == "𠮷野家 €"


def test_line_ends():
    assert decode("一\r\n二\r三\n四\u2028五".encode()) == "一\n二\n三\n四\u2028五"


@pytest.mark.parametrize("raw", [b"", b"\xef\xbb\xbf"])
def test_nothing(raw):
    assert decode(raw) == ""


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (POEM.encode()[:-3] + b"\xff\xff\xff", "第 2 行"),
        ("好\n好".encode() + b"\xe6\x98", "不是 UTF-8，也不是 GBK"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "NUL"),
        (b"a\0b", "NUL"),
        ("好锟斤拷".encode(), "第 1 行有“锟斤拷”"),
        ("好\n\ufffd".encode(), "第 2 行有“\ufffd”（U+FFFD）"),
        (b"\xff\xfeA", "不是 UTF-8"),
    ],
)
def test_what_is_no_text_says_why(raw, said):
    with pytest.raises(UserError, match=r"坏 文件\.txt") as caught:
        decode(raw, "坏 文件.txt")
    assert said in str(caught.value) and " → " in str(caught.value)


def test_files(tmp_path):
    path = tmp_path / "我的 语料" / "诗.txt"
    path.parent.mkdir()
    path.write_bytes(("\r\n  " + POEM.replace("\n", "\r\n")).encode("gbk"))
    assert list(read_lines(path)) == POEM.split()
    with pytest.raises(UserError, match="没有文件"):
        read_text(path.with_name("不在.txt"))
    with pytest.raises(UserError, match="文件夹"):
        read_text(path.parent)
