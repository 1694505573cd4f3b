"""Sliders above a figure, for readers with a kernel; a line of text for everyone else.

The figure is an ordinary picture of the output, replaced when a slider moves: it is saved with the
notebook, has its natural size, and stays when the sliders are gone.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from aigc_course.plots.display import check_alt, emit, png
from aigc_course.runtime import headless

__all__ = ["interact"]

PAUSE = 0.12  # seconds without a change before the figure is drawn again
SHARP = 2  # pixels of the picture to one of the page


def interact(
    fn: Callable[..., Figure],
    *,
    alt: str,
    labels: Mapping[str, str] | None = None,
    **sliders: Any,
) -> None:
    """Show ``fn(**values)`` with one slider for each of its arguments.

    What a notebook stores is one line of text, whatever the machine, so always put a static
    picture beside it. Run by a program (``AIGC_HEADLESS=1``), ``fn`` is called once, with the
    start values, to make sure that it works. In a kernel without ipywidgets that one figure is
    shown as a picture that stands still.

    Args:
        fn: keyword arguments → figure. It must return the figure and not show it.
        alt: what the figure shows and what to try, in Chinese.
        labels: argument name → its name beside the slider, in Chinese.
        sliders: for each argument (low, high, step), (low, high, step, start), or a list of
            choices of which the first is the start. Whole numbers give a whole-number slider.

    Raises:
        ValueError: no sliders, or a range that makes no sense.
        TypeError: ``fn`` returns something that is not a figure.

    Example:
        >>> def line(slope):
        ...     fig, ax = plt.subplots()
        ...     ax.plot([0, 1], [0, slope])
        ...     return fig
        >>> interact(line, alt="直线的斜率", labels={"slope": "斜率"}, slope=(0, 2, 0.1, 1.0))
    """
    alt = check_alt(alt)
    if not sliders:
        raise ValueError("sliders: got none, wanted at least one, e.g. lr=(0.0, 1.0, 0.1)")
    names = {key: (labels or {}).get(key, key) for key in sliders}
    unknown = set(labels or {}) - set(sliders)
    if unknown:
        raise ValueError(f"labels: got {sorted(unknown)}, wanted names among {list(sliders)}")
    parsed = {key: _slider(key, spec) for key, spec in sliders.items()}
    line = f"〔交互图〕{alt}（运行这一格后可调：{'、'.join(names.values())}）"
    try:
        from IPython import get_ipython
    except ImportError:
        shell = None
    else:
        shell = get_ipython()
    if headless() or shell is None or not hasattr(shell, "kernel"):
        _draw(fn, {key: slider.start for key, slider in parsed.items()})
        if shell is not None:
            from IPython.display import display

            display({"text/plain": line}, raw=True)
        return
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        picture = _draw(fn, {key: slider.start for key, slider in parsed.items()})
        emit(picture, f"{alt}（没有装 ipywidgets，滑块换成静止的图）")
        return
    _show_widgets(fn, alt, line, names, parsed)


@dataclass(frozen=True)
class _Slider:
    """One argument's control: either ``choices``, or a range."""

    start: Any
    choices: tuple[Any, ...] = ()
    low: float = 0
    high: float = 0
    step: float = 0


def _slider(name: str, spec: Any) -> _Slider:
    if isinstance(spec, list):
        if not spec:
            raise ValueError(f"{name}: got an empty list, wanted choices")
        return _Slider(spec[0], choices=tuple(spec))
    if not isinstance(spec, tuple) or len(spec) not in (3, 4):
        raise ValueError(
            f"{name}: got {spec!r}, wanted (low, high, step), (low, high, step, start) or a list"
        )
    low, high, step, *rest = spec
    start = rest[0] if rest else low
    if not (low < high and 0 < step <= high - low and low <= start <= high):
        raise ValueError(f"{name}: got {spec!r}, wanted low < high, step > 0, low ≤ start ≤ high")
    return _Slider(start, low=low, high=high, step=step)


def _draw(fn: Callable[..., Figure], values: dict[str, Any], sharp: int = 1) -> bytes:
    fig = fn(**values)
    if not isinstance(fig, Figure):
        raise TypeError(
            f"fn: returned {type(fig).__name__}, wanted a figure; "
            "end the function with `return fig` and do not call plots.show in it"
        )
    try:
        return png(fig, dpi=sharp * fig.dpi)
    finally:
        plt.close(fig)


def _show_widgets(
    fn: Callable[..., Figure],
    alt: str,
    line: str,
    names: Mapping[str, str],
    sliders: Mapping[str, _Slider],
) -> None:
    import ipywidgets as ui
    from IPython.display import display

    controls = {key: _control(names[key], slider) for key, slider in sliders.items()}
    note = ui.HTML()
    waiting: list[asyncio.TimerHandle] = []
    slot = uuid.uuid4().hex

    def draw(*, again: bool) -> None:
        data = _draw(fn, {key: control.value for key, control in controls.items()}, SHARP)
        emit(data, alt, sharp=SHARP, slot=slot, again=again)

    def redraw() -> None:
        try:
            draw(again=True)
            note.value = ""
        except Exception as error:  # shown to the learner: a callback has nowhere else to say it
            note.value = f"<b>画不出来：</b>{type(error).__name__}: {_escape(str(error))}"

    def changed(_: Any) -> None:
        while waiting:
            waiting.pop().cancel()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            redraw()
        else:
            waiting.append(loop.call_later(PAUSE, redraw))

    box = ui.VBox([*controls.values(), note])
    box.add_class("aigc-interact")
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({"application/vnd.jupyter.widget-view+json": view, "text/plain": line}, raw=True)
    draw(again=False)
    for control in controls.values():
        control.observe(changed, names="value")


def _control(name: str, slider: _Slider) -> Any:
    import ipywidgets as ui

    shared: dict[str, Any] = {
        "description": name,
        "value": slider.start,
        "style": {"description_width": "8em"},
        "layout": ui.Layout(width="32em", max_width="100%"),
    }
    if slider.choices:
        return ui.Dropdown(options=list(slider.choices), **shared)
    limits = {"min": slider.low, "max": slider.high, "step": slider.step}
    if all(isinstance(v, int) for v in (slider.start, *limits.values())):
        return ui.IntSlider(**limits, **shared)
    digits = len(f"{slider.step:.10f}".rstrip("0").split(".")[1])
    return ui.FloatSlider(readout_format=f".{digits}f", **limits, **shared)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
