"""How the HTML pages are made: one file each, no scripts, nothing fetched, everything escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aigc_course.classroom.report.words import (
    duration_text,
    score_text,
    steps_in_short,
    truncate,
    visible,
)

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["code", "render"]


def render(template: str, **values: Any) -> str:
    """The page made from ``templates/<template>``."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("aigc_course.classroom.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # `finalize` meets every value that is printed, so no template can forget it
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters.update(
        number=score_text, duration=duration_text, code=code, in_short=steps_in_short
    )
    return environment


def code(source: str) -> Markup:
    """Python source highlighted, as HTML; cut if it is too long for a page.

    Example:
        >>> code("x = '<b>'")
        Markup('...&lt;b&gt;...')
    """
    from markupsafe import Markup, escape
    from pygments import highlight  # type: ignore[import-untyped]

    shown, note = truncate(visible(source))
    lexer, formatter = _pygments()
    html = highlight(shown, lexer, formatter)  # pygments escapes; the formatter adds only spans
    note_html = escape(f"（{note}）") if note else ""
    return Markup("<pre><code>{}</code></pre>{}").format(
        Markup(html), Markup('<p class="note">{}</p>').format(note_html) if note else ""
    )


@cache
def _pygments() -> tuple[Any, Any]:
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    return PythonLexer(stripnl=False), HtmlFormatter(nowrap=True, classprefix="k-")
