"""A pytest plugin that closes the gaps nbval 0.11 leaves open.

========================================== ====================================================
nbval                                      here
========================================== ====================================================
skips ``image/png``, compares HTML         pictures (PNG, GIF, in HTML too) are decoded and
with a picture in it byte by byte          compared by what is seen
an exempt cell may lose its picture        every stored picture must be made again, and not blank
waits for the cell limit (2000 s) when     the cell fails within a second of the kernel's death,
the kernel has died                        with the exit status
a kernel from another environment may      kernels of this environment only
be used
========================================== ====================================================

Use: ``pytest --nbval -p aigc_course.authoring.nbval_plus notebooks``.
"""

from __future__ import annotations

import os
import time
from copy import deepcopy
from queue import Empty
from typing import Any

import pytest

from aigc_course.authoring.notebooks import WIDGET
from aigc_course.authoring.pictures import (
    PICTURE_TYPES,
    SHARE,
    difference,
    is_blank,
    pictures,
    without_pictures,
)

POLL_SECONDS = 0.5


class KernelDied(RuntimeError):
    """The kernel process ended while a cell was running."""


def pytest_configure(config: pytest.Config) -> None:
    if not (config.getoption("nbval", False) or config.getoption("nbval_lax", False)):
        return
    os.environ["AIGC_HEADLESS"] = "1"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    import nbval.kernel
    import nbval.plugin

    if getattr(nbval.kernel.RunningKernel, "_aigc", False):
        return
    nbval.kernel.RunningKernel._aigc = True
    nbval.kernel.RunningKernel.get_message = _get_message
    nbval.plugin.IPyNbCell.compare_outputs = _comparing(nbval.plugin.IPyNbCell.compare_outputs)
    nbval.plugin.IPyNbCell.runtest = _running(nbval.plugin.IPyNbCell.runtest)
    nbval.plugin.IPyNbCell.repr_failure = _reporting(nbval.plugin.IPyNbCell.repr_failure)


def _get_message(self: Any, stream: str, timeout: float | None = None) -> Any:
    """Wait for a message in short slices, looking each time whether the kernel still lives."""
    read = {"iopub": self.kc.get_iopub_msg, "shell": self.kc.get_shell_msg}[stream]
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = POLL_SECONDS if end is None else min(POLL_SECONDS, end - time.monotonic())
        try:
            return read(timeout=max(left, 0.01))
        except Empty:
            if not self.is_alive():
                code = _exit_code(self)
                raise KernelDied(
                    f"the kernel died while this cell was running (exit status {code}); "
                    "negative: killed by that signal, -9 often means out of memory"
                ) from None
            if end is not None and time.monotonic() >= end:
                raise


def _exit_code(kernel: Any) -> Any:
    process = getattr(getattr(kernel.km, "provisioner", None), "process", None)
    return getattr(process, "returncode", "unknown")


def _comparing(original: Any) -> Any:
    def compare_outputs(self: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        made, stored = pictures(test), pictures(ref)
        if len(made) == len(stored):
            for k, (new, old) in enumerate(zip(made, stored, strict=True)):
                share = difference(new, old)
                if share > SHARE:
                    self.comparison_traceback = [
                        f"picture {k + 1} of {len(stored)} differs from the stored one in "
                        f"{share:.1%} of its area (allowed {SHARE:.1%}): {old.alt or old.mime}"
                    ]
                    return False
        return original(self, _plain(test), _plain(ref), skip_compare)

    return compare_outputs


def _plain(outputs: Any) -> Any:
    """Outputs with pictures reduced to the fact that they are there, and without widgets."""
    plain = []
    for output in deepcopy(outputs):
        data = output.get("data")
        if data is not None:
            data.pop(WIDGET, None)
            for mime in PICTURE_TYPES:
                if mime in data:
                    data[mime] = "picture"
            if "text/html" in data:
                data["text/html"] = without_pictures("".join(data["text/html"]))
            if not data:
                continue
        plain.append(output)
    return plain


def _running(original: Any) -> Any:
    def runtest(self: Any) -> None:
        try:
            original(self)
        except KernelDied as error:
            self.parent.timed_out = True  # the rest of the notebook cannot run
            self.raise_cell_error(str(error))
        if self.options["skip"]:
            return
        made, stored = pictures(self.test_outputs or []), pictures(self.cell.outputs)
        if len(made) != len(stored):
            self.raise_cell_error(f"{len(stored)} pictures are stored, the run made {len(made)}")
        for k, picture in enumerate(made):
            if is_blank(picture):
                self.raise_cell_error(f"picture {k + 1} is empty: one colour all over")

    return runtest


def _reporting(original: Any) -> Any:
    def repr_failure(self: Any, excinfo: Any) -> Any:
        text = original(self, excinfo)
        return f"cell id: {self.cell.get('id', '?')}\n{text}"

    return repr_failure
