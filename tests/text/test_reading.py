"""Bytes to text: the encodings that occur, and an error for each way in which a file is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.errors import UserError
from aigc_course.text import reading
from aigc_course.text.reading import decode, numbered_lines, read_lines, read_text

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


WHOLE = st.text(st.sampled_from("春a𠮷 \r\n\u2028\x85\ufeff锟斤拷\0\ufffd"), max_size=40)


@given(
    WHOLE.flatmap(
        lambda text: st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]).map(
            lambda encoding: text.encode(encoding)
        )
    )
    | st.binary(max_size=12),
    st.integers(1, 5),
)
def test_lines_in_pieces_are_those_of_the_whole(tmp_path_factory, raw, piece):
    path = tmp_path_factory.mktemp("r") / "语料.txt"
    path.write_bytes(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "_PIECE", piece)
        try:
            wanted = decode(raw, str(path)).split("\n")
        except UserError as error:
            with pytest.raises(UserError) as caught:
                list(read_lines(path))
            assert str(caught.value) == str(error)
        else:
            wanted = [(k, line.strip()) for k, line in enumerate(wanted, 1) if line.strip()]
            assert list(numbered_lines(path)) == wanted


def test_lines_of_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("好", encoding="utf-8")
    monkeypatch.setattr(reading, "_encoding_of", lambda path: None)
    with pytest.raises(UserError, match="变了"):
        list(read_lines(path))
