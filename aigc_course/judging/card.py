"""How a result looks: a compact card in a notebook, a few lines of text everywhere else.

The card's HTML is stored in notebooks and compared byte by byte, so it holds no time, no id and
no address. Colours are Okabe and Ito's, stand in the border only and are never the only sign: text
keeps the colour of the page, light or dark. Everything that comes from an answer is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aigc_course.judging.result import Result, Step

__all__ = ["Card", "Unknown", "as_html", "as_text", "one_line"]

GREEN, RED, BLUE = "#009E73", "#D55E00", "#0072B2"  # bluish green, vermillion, blue
SHOWN = 3  # passed steps that are listed; more are folded
ENDS = {
    "failed": "还差一点",
    "error": "还差一点",
    "timeout": "超时",
    "memory": "内存超限",
    "crashed": "进程中断",
    "refused": "用了不许用的函数",
}


class Card(Result):
    """A result that shows itself: HTML in a notebook, text elsewhere."""

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


class Unknown(Card):
    """What a number gets that no exercise has."""

    def __str__(self) -> str:
        return f"✗ 没有练习 {self.id}：{self.message}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _box(RED, escape(str(self)))


def one_line(result: Result) -> str:
    """The first thing to know, on one line."""
    if result.status in ("passed", "unanswered"):
        return as_text(result)
    wrong = result.wrong
    parts = [] if wrong is None else [wrong.label, wrong.detail, wrong.hint]
    said = "；".join(part for part in [*parts, *result.message.splitlines()] if part)
    head = f"✗ 练习 {result.id} {result.title}：{ENDS[result.status]}"
    return f"{head}（{said}）" if said else head


def as_text(result: Result) -> str:
    """Plain text, for terminals and for what is stored beside the card."""
    head = f"练习 {result.id} {result.title}"
    if result.status == "passed":
        return f"✓ {head}：通过（{len(result.steps)} 项检查，{result.points} 分）"
    if result.status == "unanswered":
        return f"· {head}：还没作答（要写的是 {result.asks}，{result.points} 分）"
    lines = [f"✗ {head}：{ENDS[result.status]}"]
    lines += [f"  ⚠ {result.aside}"] if result.aside else []
    lines += dict.fromkeys(f"  ✓ {step.label}" for step in result.steps if step.ok)
    wrong = result.wrong
    if wrong is not None:
        lines.append(f"  ✗ {wrong.label}")
        lines += [f"    {text}" for text in (wrong.detail, wrong.here or wrong.hint) if text]
    if result.message:
        lines += [f"  {line}" for line in result.message.splitlines()]
    lines += [f"  {result.onward}"] if result.onward else []
    return "\n".join(lines)


def as_html(result: Result) -> str:
    """The card."""
    title = f"<b>练习 {escape(result.id)} {escape(result.title)}</b>"
    if result.status == "unanswered":
        asks = f"要写的是 <code>{escape(result.asks)}</code>，{result.points} 分"
        return _box(BLUE, _line("·", f"{title}：还没作答（{asks}）") + _onward(result))
    passed = [step for step in result.steps if step.ok]
    if result.status == "passed":
        head = _line("✓", f"{title}：通过，{result.points}/{result.points} 分") + _aside(result)
        labels = list(dict.fromkeys(step.label for step in passed))
        return _box(GREEN, head + _folded(f"{len(passed)} 项检查", labels) + _onward(result))
    points = f"得 {round(result.score, 2):g}/{result.points} 分"
    parts = [_line("✗", f"{title}：{ENDS[result.status]}，{points}"), _aside(result)]
    labels = list(dict.fromkeys(step.label for step in passed))  # of three cases alike: once
    if len(labels) > SHOWN:
        parts.append(_folded(f"前 {len(labels)} 项都对", labels))
    else:
        parts += [_line("✓", escape(label)) for label in labels]
    wrong = result.wrong
    if wrong is not None:
        parts.append(_line("✗", f"<b>{escape(wrong.label)}</b>"))
        if wrong.detail:
            parts.append(_indented(escape(wrong.detail)))
    if result.message:
        parts.append(_message(result))
    parts.append(_table(result, wrong))
    if wrong is not None and (wrong.here or wrong.hint):
        parts.append(_indented(f"<b>想一想</b> {escape(wrong.here or wrong.hint)}"))
    parts.append(_onward(result))
    return _box(RED, "".join(parts))


def _aside(result: Result) -> str:
    return _line("⚠", escape(result.aside)) if result.aside else ""


def _onward(result: Result) -> str:
    return f"<div>{escape(result.onward)}</div>" if result.onward else ""


def _table(result: Result, wrong: Step | None) -> str:
    """The call that went wrong: what went in, what came out, what was wanted of its form."""
    rows = [(f"输入 {name}", value) for name, value in result.call]
    came = (wrong.got if wrong is not None else "") or result.returned
    if came:
        rows.append(("得到", came))
    if wrong is not None and wrong.wanted:
        rows.append(("应为", wrong.wanted))
    if not rows:
        return ""
    # JupyterLab would stripe the rows, shrink the text and wrap the narrow first column
    cell = "padding:0 1em 0 0;text-align:left;vertical-align:top;border:none"
    body = "".join(
        f'<tr style="background:none"><td style="{cell};white-space:nowrap">{escape(name)}</td>'
        f'<td style="{cell}"><code>{escape(value)}</code></td></tr>'
        for name, value in rows
    )
    return f'<table style="margin:2px 0 2px 20px;border:none;font-size:inherit">{body}</table>'


def _message(result: Result) -> str:
    """Lines of the learner's own code look like code, the rest like prose."""
    sign = "<code>{}</code>" if result.status == "error" else "{}"
    return _indented("<br>".join(sign.format(escape(line)) for line in result.message.splitlines()))


def _folded(summary: str, labels: Sequence[str]) -> str:
    lines = "".join(_line("✓", escape(label)) for label in labels)
    return f"<details><summary>{summary}</summary>{lines}</details>"


def _line(sign: str, html: str) -> str:
    return f"<div><b>{sign}</b> {html}</div>"


def _indented(html: str) -> str:
    return f'<div style="margin-left:20px">{html}</div>'


def _box(colour: str, html: str) -> str:
    return f'<div style="border-left:4px solid {colour};padding:2px 12px">{html}</div>'
