"""The student's page: everything escaped, nothing hidden in it, nothing loaded from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_course.classroom.marks import NotebookMark, OpenAnswer, StepMark
from aigc_course.classroom.report import feedback
from aigc_course.classroom.report.harmless import harmless_markdown, is_harmless_html
from aigc_course.classroom.report.pages import code
from aigc_course.classroom.report.standing import ManualMark, standings
from aigc_course.classroom.report.words import visible
from aigc_course.classroom.submission.roll import Person
from tests.classroom.report.test_tables import ASK, EX, PS1, TWO, handed
from tests.support import report_class as rc

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e{{7*7}}'
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "footer", "section", "article"),
    *("div", "h1", "h2", "h3", "p", "bdi", "span", "ul", "li", "b", "br", "pre", "code"),
}


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def hostile(text: str):
    step = StepMark(False, text, text, text)
    ex = rc.exercise(EX, "failed", text, message=text, steps=(step,), notes=(text,), title=text)
    open_answer = OpenAnswer("03.q1", "open-03-q1", 5.0, text, True)
    book = NotebookMark("03_backprop", "graded", text, (ex,), (open_answer,), (text,))
    return rc.submission(PS1, "s1", [book], reason=text, name=text)


def page(mark, manual=None, roll=()) -> str:
    (line,) = standings(PS1, [mark], roll, manual)
    return feedback.feedback_page(PS1, line, manual)


def test_every_string_of_a_student_is_escaped():
    manual = {("s1", c): ManualMark(1.0, EVIL) for c in ("open-03-q1", "ex-03-1", "check-03-1")}
    html = page(hostile(EVIL), manual, [Person("s1", EVIL)])
    seen = Seen(html)
    assert seen.tags <= TAGS
    assert not any(name.startswith("on") for name in seen.attributes)
    assert "\u202e" not in html and "⟨U+202E⟩" in html
    assert "{{7*7}}" in seen.text and "<script>alert(1)" in seen.text  # shown, not run


@given(st.text(max_size=60))
@settings(max_examples=60)
def test_no_text_at_all_adds_a_tag(text):
    seen = Seen(page(hostile(text)))
    assert seen.tags <= TAGS
    assert seen.text.encode("utf-8")  # no lone surrogate is left to break the file


def test_the_policy_forbids_everything_but_styles():
    html = page(handed("s1"))
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in html
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert "http://" not in html and "https://" not in html and "<script" not in html


def test_nothing_of_the_judging_or_of_others_is_on_it():
    one = replace(handed("s1", name="李雷"), seed=987654321, digest="d1gest")
    (_, line) = standings(PS1, [one, handed("mate2", name="韩梅梅")])
    html = feedback.feedback_page(PS1, line)
    for secret in ("987654321", "d1gest", "韩梅梅", "mate2", ASK.rubric):
        assert secret not in html
    assert "李雷" in html


def test_notes_for_the_instructor_stay_with_the_instructor():
    ex = rc.exercise(EX, notes=("按名字找到的",))
    mark = rc.submission(PS1, "s1", [NotebookMark("03_backprop", "graded", "", (ex,))])
    assert "按名字找到的" not in page(mark)


def test_steps_hints_points_and_lateness():
    steps = (StepMark(True, "dW 的形状"), StepMark(False, "db 的值", "要相加", "3/4 个值不对"))
    ex = rc.exercise(TWO, "failed", "def g():\n    return 1", steps=steps, score=1.0)
    book = NotebookMark("03_backprop", "graded", "", (rc.exercise(EX), ex))
    mark = rc.submission(PS1, "s1", [book], "late", late_seconds=93_600.0, penalty=0.2)
    text = re.sub(r"\s+", " ", Seen(page(mark)).text)
    assert "✓dW 的形状" in text.replace(" ✓ ", "✓") or "✓ dW 的形状" in text
    assert "要相加" in text and "3/4 个值不对" in text and "1 / 3 分" in text
    assert "交晚了 1 天 2 小时" in text and "扣去 20%，记 2.4 分" in text
    assert "def g(): return 1" in text


@pytest.mark.parametrize(
    ("answered", "manual", "wanted"),
    [
        (True, {}, "待人工批阅"),
        (False, {}, "没有作答"),
        (True, {("s1", "open-03-q1"): ManualMark(4.0, "第二点缺理由")}, "第二点缺理由"),
    ],
)
def test_open_questions(answered, manual, wanted):
    text = Seen(page(handed("s1", answered=answered), manual)).text
    assert wanted in text
    assert ("4 / 5 分" in text) == bool(manual)


def test_what_could_not_be_graded_is_not_called_zero():
    text = Seen(page(rc.submission(PS1, "s1", [], "damaged file", reason="不是 JSON"))).text
    assert "还没有分数" in text and "这不是零分" in text and "0 / " not in text


def test_a_huge_answer_is_cut_with_a_note():
    html = code("x = 1\n" * 100_000)
    assert len(html) < 200_000 and "太长" in html
    assert len(code("y" * 3_000_000)) < 50_000


def test_pages_lie_where_nbgrader_looks(tmp_path: Path):
    assignment = rc.course(tmp_path, ("03_backprop",))
    folder = tmp_path / "submitted" / "李雷" / "ps1"
    folder.mkdir(parents=True)
    (folder / "timestamp.txt").write_text("2026-03-14 15:09:26 UTC", encoding="utf-8")
    (folder / "submission_secret.txt").write_text("s3cret", encoding="utf-8")
    outside = tmp_path / "outside.txt"
    outside.write_text("外面的东西", encoding="utf-8")
    marks = [rc.perfect(assignment, s) for s in ("李雷", "no-exchange", "link", "../../x")]
    link = tmp_path / "submitted" / "link" / "ps1" / "timestamp.txt"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    pages = feedback.write_pages(tmp_path, assignment, standings(assignment, marks))
    made = tmp_path / "feedback" / "李雷" / "ps1"
    assert {p.name for p in made.iterdir()} == {
        "index.html", "03_backprop.html", "timestamp.txt", "submission_secret.txt",
    }  # fmt: skip
    assert (made / "submission_secret.txt").read_text() == "s3cret"
    other = tmp_path / "feedback" / "no-exchange" / "ps1" / "submission_secret.txt"
    first = other.read_text()
    assert len(first) > 30
    assert "外面" not in (tmp_path / "feedback" / "link" / "ps1" / "timestamp.txt").read_text()
    assert len(pages) == 3 and not (tmp_path.parent.parent / "x").exists()
    feedback.write_pages(tmp_path, assignment, standings(assignment, marks))
    assert other.read_text() == first


def test_missing_students_get_no_page(tmp_path: Path):
    lines = standings(PS1, [], [Person("s1")])
    assert feedback.write_pages(tmp_path, PS1, lines) == []


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](  JaVaScRiPt:alert(1))",
        "[x](data:text/html,1)",
        "[x]: javascript:alert(1)\n\n[x]",
        "<javascript:alert(1)>",
        "![x](http://127.0.0.1/track)",
        "$\\href{javascript:alert(1)}{x}$",
        "```\n</code></pre><svg onload=alert(1)>\n",
        "`<b onclick=1>`</p><iframe src=//x>",
        "<a\nhref='javascript:1'>x</a>",
        "a <!-- --><style>*{display:none}</style>",
        "</div></div><form action=//x><input>",
        "````````\n<script>1</script>\n```\n</pre>",
    ],
)
def test_markdown_is_made_harmless(text):
    from nbconvert.filters import markdown2html

    html = markdown2html(harmless_markdown(text))
    assert is_harmless_html(html)
    assert not re.search(r'(?i)href="\s*(javascript|data):|<img|<script', html)


def test_ordinary_markdown_stays_as_it_is():
    text = "**1.** 若 $z<0$ 且 $a>b$，则 `x<y`：\n\n- 一\n- 二\n\n| a | b |\n|--|--|\n| 1 | 2 |\n"
    assert harmless_markdown(text) == text


@given(st.text(st.sampled_from("<>a/`!-[](){}:\n\"'= $\\jsx~*#&;"), max_size=60))
@settings(max_examples=150)
def test_random_markup_is_harmless_after_rendering(text):
    from nbconvert.filters import markdown2html

    assert is_harmless_html(markdown2html(harmless_markdown(text)))


def test_names_in_any_script_keep_their_joiners():
    assert visible("می‌خواهم Zoë O'Brien 李雷") == "می‌خواهم Zoë O'Brien 李雷"
    assert visible("a\x00b\ud800") == "a⟨U+0000⟩b⟨U+D800⟩"


@pytest.mark.parametrize("text", ["$\\href{javascript:alert(1)}{x}$", "![](http://127.0.0.1/a)"])
def test_what_only_the_browser_would_act_on_becomes_plain_text(text):
    assert harmless_markdown(text) == f"```text\n{text}\n```"
