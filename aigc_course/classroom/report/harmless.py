"""Students' Markdown made safe for formgrader, which renders it into the instructor's page.

nbconvert passes raw HTML and ``javascript:`` links through. Instead of a second parser that might
disagree with it about what is code and what is markup, its own renderer is the judge: a text is
left as it is if what comes out of it is made of known tags alone; if not, its angle brackets are
escaped; if that is not enough either, it is shown as plain text in a code block.
"""

from __future__ import annotations

import re

from aigc_course.classroom.report.words import visible

__all__ = ["harmless_markdown", "is_harmless_html"]

_ATTRIBUTE = (
    r'(?:\s+(?:class|id|title|align|start)="[^"<>]*"'
    r'|\s+href="(?:https?://[^"<>]*|#[^"<>]*)"'
    r'|\s+style="text-align:\s?(?:left|right|center);?")'
)
_TAG = re.compile(
    r"</?(?:p|br|hr|em|strong|del|s|code|pre|span|div|blockquote|ul|ol|li|a|h[1-6]|table|thead"
    rf"|tbody|tr|th|td){_ATTRIBUTE}*\s*/?>"
)
# what can make MathJax write a link, load a file or set attributes
_MATH = re.compile(
    r"\\(?:href|url|require|class|style|css|cssId|html\w*|data|unicode|bbox|mmlToken)\b"
)
_OPENING = re.compile(r"<(?=[A-Za-z/!?])")


def is_harmless_html(html: str) -> bool:
    """Whether ``html`` has no tag, attribute or address but the known ones.

    Example:
        >>> is_harmless_html("<p>a &lt; b</p>")
        True
        >>> is_harmless_html('<a href="javascript:alert(1)">x</a>')
        False
    """
    return "<" not in _TAG.sub("", html)


def harmless_markdown(source: str) -> str:
    """``source`` as it is if rendering it is safe, else the nearest text that is.

    Example:
        >>> harmless_markdown("若 $z<0$，导数为 **0**。")
        '若 $z<0$，导数为 **0**。'
        >>> harmless_markdown("<script>alert(1)</script>")
        '&lt;script>alert(1)&lt;/script>'
    """
    source = visible(source)
    for text in (source, _OPENING.sub("&lt;", source)):
        if _renders_safely(text):
            return text
    longest = max((len(run) for run in re.findall(r"[`~]+", source)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{source}\n{fence}"


def _renders_safely(source: str) -> bool:
    from nbconvert.filters import markdown2html

    if _MATH.search(source) or "![" in source:
        return False
    try:
        return is_harmless_html(markdown2html(source))
    except (RecursionError, ValueError, IndexError):
        return False  # deep nesting: a code block does not nest
