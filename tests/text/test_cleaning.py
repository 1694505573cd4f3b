"""Cleaning: what each step takes away, what it leaves, and that doing it twice changes nothing."""

import pickle
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigc_course.text import cleaning
from aigc_course.text.cleaning import (
    Cleaner,
    Count,
    chinese_punctuation,
    drop_html,
    drop_invisible,
    drop_urls,
    forms,
    simplify,
    squeeze_repeats,
    squeeze_spaces,
    to_halfwidth,
)

STEPS = [
    drop_html,
    drop_invisible,
    drop_urls,
    to_halfwidth,
    chinese_punctuation,
    squeeze_repeats,
    squeeze_spaces,
    simplify,
]
SOME = st.text(
    st.sampled_from(
        "春眠觉天天髮ABaab01１Ａ ，,。.!！?？~—-…·()（）[]<>&;:：/\n\t\r\u3000"
        "\u200b\u200d\ufe0f❤👩🚀"
    )
    | st.characters(codec="utf-8"),
    max_size=40,
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("没有标签", "没有标签"),
        ("<p>一</p><p>二</p>", "一\n二"),
        ("一<br>二<BR/>三", "一\n二\n三"),
        ("<td>1</td><td>2</td>", "1\n2"),
        ("很<b>好</b>看", "很好看"),
        ("文<b>没有关", "文没有关"),
        ("<script>alert('好')</script>末", "末"),
        ("<style>p{}</style><!-- 注 --><p>字", "字"),
        ("<![CDATA[x]]><p>字", "字"),
        ("&#20320;&#x597D;&hearts;", "你好♥"),
        ("&amp;lt;b&amp;gt;", "<b>"),
        ("3 &lt; 5<br>", "3 < 5"),
        ("a<b，b>a，<3，价格<100元>", "a<b，b>a，<3，价格<100元>"),
        ("AT&T &nosuchname;", "AT&T &nosuchname;"),
        ("<", "<"),
        ("&", "&"),
    ],
)
def test_html(before, after):
    assert drop_html(before) == after


def test_a_line_of_ten_megabytes_of_markup():
    text = "<p>春</p>" * 50_000 + "晓" * 8_000_000
    assert len(drop_html(text)) == 2 * 50_000 + 8_000_000


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("看https://a.cn/好的", "看好的"),
        ("www.x.com, 好", ", 好"),
        ("(https://zh.wikipedia.org/wiki/春天)", "(春天)"),
        ("见 http://a.b/c?d=e&f=g#h。", "见 。"),
        ("httpshop 与 www 都不是", "httpshop 与 www 都不是"),
    ],
)
def test_urls(before, after):
    assert drop_urls(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("微\u200b信\u200c、\ufeff群\u2060", "微信、群"),
        ("\u202e倒\u202c", "倒"),
        ("a\x00b\x1bc\x7fd", "abcd"),
        ("一\r\n二\r三\u2028四\x85五\t六", "一\n二\n三\n四\n五\t六"),
        ("👨\u200d👩\u200d👧 1\ufe0f\u20e3 ❤\ufe0f", "👨\u200d👩\u200d👧 1\ufe0f\u20e3 ❤\ufe0f"),
        ("a\u200db 春\ufe0f", "ab 春"),
    ],
)
def test_invisible_characters(before, after):
    assert drop_invisible(before) == after


def test_width():
    assert to_halfwidth("ＡＢｃ０９＋％　x\u00a0y") == "ABc09+% x y"
    kept = "，。！？：；（）“”《》、①㎏½々〇"
    assert to_halfwidth(kept) == kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("好看,真的!对吗?", "好看，真的！对吗？"),
        ("3.14,第1.2节:概要", "3.14,第1.2节：概要"),
        ("用a.b,c", "用a.b,c"),
        ("真的!3.14", "真的！3.14"),
        ("(好)的(abc)", "（好）的(abc)"),
        ("f(x, 好)", "f(x, 好)"),
    ],
)
def test_chinese_punctuation(before, after):
    assert chinese_punctuation(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("哈哈哈哈哈", "哈哈哈"),
        ("谢谢，天天", "谢谢，天天"),
        ("1000000", "1000000"),
        ("！！！", "！"),
        ("!!!??", "！？"),
        ("？！？！", "？！"),
        ("。。。。", "……"),
        ("…", "……"),
        ("——", "——"),
        ("---", "——"),
        ("a-b 1--2", "a-b 1--2"),
        ("，， ，", "，"),
        ("A.B.C", "A.B.C"),
    ],
)
def test_repeats(before, after):
    assert squeeze_repeats(before) == after


def test_how_often_a_character_may_stand():
    assert squeeze_repeats("哈哈哈哈", most=2) == "哈哈"
    with pytest.raises(ValueError, match="most: got 1"):
        squeeze_repeats("天天", most=1)


def test_blanks():
    assert squeeze_spaces(" 春 眠　不觉 ， \n \n 用 PyTorch  写 ") == "春眠不觉，\n用 PyTorch 写"


def test_traditional_characters():
    assert simplify("頭髮發光，乾燥的乾坤，皇后在後面") == "头发发光，干燥的乾坤，皇后在后面"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
@given(text=SOME)
def test_a_step_done_twice_changes_nothing(step, text):
    once = step(text)
    if step is drop_html:  # what was escaped is a tag now; it is not taken for one again
        return
    assert step(once) == once


@given(text=SOME)
def test_forms_ignore_what_cannot_be_heard(text):
    assert forms(text + " ，。!\n\u200b") == forms(text) == forms(forms(text))


# --- the cleaner -------------------------------------------------------------------------------


def test_a_cleaner_counts_each_step():
    cleaner = Cleaner([drop_html, squeeze_repeats])
    assert cleaner.all(["<p>好！！！</p>", "好！", "好！！"]) == ["好！", "好！", "好！"]
    assert cleaner.seen == 3
    html, repeats = cleaner.counts.values()
    assert (html.changed, html.removed) == (1, 7)
    assert (repeats.changed, repeats.removed) == (2, 3)
    assert html.examples == [("<p>好！！！</p>", "好！！！")]


def test_an_example_shows_the_place():
    cleaner = Cleaner([squeeze_repeats])
    cleaner("春" + "眠不" * 400 + "！！" + "觉晓" * 400)
    [(before, after)] = cleaner.counts["squeeze_repeats"].examples
    assert "！！" in before and "！！" not in after and len(before) <= 60


def test_counts_of_two_processes_are_added_in_order():
    texts = [f"{k}！！" for k in range(7)]
    whole, first, second = (Cleaner([squeeze_repeats]) for _ in range(3))
    whole.all(texts), first.all(texts[:3]), second.all(texts[3:])
    total = Count()
    for part in (first, second):
        total += part.counts["squeeze_repeats"]
    assert total == whole.counts["squeeze_repeats"]


def test_a_step_with_settings_keeps_its_name_and_can_be_sent():
    cleaner = Cleaner([partial(squeeze_repeats, most=2)])
    again = pickle.loads(pickle.dumps(cleaner))
    assert again("哈哈哈") == "哈哈" and list(again.counts) == ["squeeze_repeats"]


def test_the_same_step_twice_is_refused():
    with pytest.raises(ValueError, match="squeeze_spaces given twice"):
        Cleaner([squeeze_spaces, drop_html, squeeze_spaces])


def test_opencc_is_imported_only_when_needed():
    assert "opencc" not in vars(cleaning)
