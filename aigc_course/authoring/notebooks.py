"""Run a source notebook from top to bottom and store it in its normal form.

Normal form: outputs of one clean run with execution counts 1, 2, 3 …; metadata only where it
means something (tags, folding, nbgrader); no widget state; stable ids; sorted keys. Two runs of an
unchanged notebook on one machine give the same file, so a diff shows only what changed.
"""

from __future__ import annotations

import os
import re
import time
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from aigc_course.authoring.pictures import pictures
from aigc_course.authoring.text import KERNEL, LANGUAGE
from aigc_course.files import write_atomically

EXEMPT_TAG = "nbval-ignore-output"
FIGURE_TAG = "figure"  # a cell that only draws: its code is folded, its picture is not
ALLOWED_TAGS = {EXEMPT_TAG, FIGURE_TAG, "raises-exception"}
WIDGET = "application/vnd.jupyter.widget-view+json"
MAX_BYTES = 3_000_000
CELL_SECONDS = 300
HANZI = re.compile(r"[\u4e00-\u9fff]")


def repository_notebooks(folder: Path) -> dict[str, Path]:
    """The numbered notebooks of ``folder``: ``{"00": …/00_welcome.ipynb, …}``, in order."""
    return {path.name[:2]: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def execute(notebook: NotebookNode, folder: Path, seconds: int = CELL_SECONDS) -> float:
    """Run all cells in a new kernel of this interpreter; outputs are stored in place.

    Args:
        notebook: the notebook; its outputs are replaced.
        folder: the kernel's working directory.
        seconds: limit for one cell.

    Returns:
        Wall-clock seconds of the run.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed (and is not tagged
            ``raises-exception``).
        nbclient.exceptions.DeadKernelError: the kernel died.
    """
    from nbclient import NotebookClient

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    before = {name: os.environ.get(name) for name in ("AIGC_HEADLESS", "JUPYTER_PREFER_ENV_PATH")}
    os.environ.update(AIGC_HEADLESS="1", JUPYTER_PREFER_ENV_PATH="1")
    start = time.perf_counter()
    try:
        NotebookClient(
            notebook,
            timeout=seconds,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
            allow_errors=False,
            extra_arguments=["--IPKernelApp.log_level=40"],  # its notice on TCP is not ours
            store_widget_state=False,
        ).execute()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return time.perf_counter() - start


def normalise(notebook: NotebookNode) -> NotebookNode:
    """A copy in normal form. Applying it twice changes nothing more."""
    copy = deepcopy(notebook)
    copy.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": LANGUAGE})
    copy.nbformat, copy.nbformat_minor = 4, 5
    count = 0
    for cell in copy.cells:
        keep: dict[str, object] = {}
        if cell.metadata.get("tags"):
            keep["tags"] = list(cell.metadata.tags)
        if cell.cell_type == "code" and FIGURE_TAG in cell.metadata.get("tags", []):
            keep["jupyter"] = {"source_hidden": True}  # what JupyterLab reads
        if cell.metadata.get("nbgrader"):
            keep["nbgrader"] = dict(cell.metadata.nbgrader)
        cell.metadata = nbformat.from_dict(keep)
        cell.source = "\n".join(line.rstrip() for line in cell.source.splitlines()).strip("\n")
        cell.pop("attachments", None)
        if cell.cell_type != "code":
            continue
        ran = cell.execution_count is not None
        count += ran
        cell.execution_count = count if ran else None
        cell.outputs = _normal_outputs(cell.outputs, cell.execution_count)
    return copy


def _normal_outputs(outputs: list[NotebookNode], count: int | None) -> list[NotebookNode]:
    normal: list[NotebookNode] = []
    for output in deepcopy(outputs):
        if output.output_type == "stream":
            if normal and normal[-1].output_type == "stream" and normal[-1].name == output.name:
                normal[-1].text += output.text
                continue
        elif "data" in output:
            output.data.pop(WIDGET, None)
            if not output.data:
                continue
            known = {m: v for m, v in output.metadata.items() if m in output.data and v}
            output.metadata = nbformat.from_dict(known)
            if output.output_type == "execute_result":
                output.execution_count = count
        normal.append(output)
    return normal


def store(notebook: NotebookNode, path: Path) -> None:
    """Write ``notebook`` to ``path`` so that a crash leaves either the old file or the new."""
    text = nbformat.writes(notebook)
    write_atomically(path, text if text.endswith("\n") else text + "\n")


@dataclass(frozen=True)
class Facts:
    """What can be counted in a notebook."""

    characters: int
    code_cells: int
    exempt: int
    pictures: int
    exercises: int
    open_questions: int
    bytes: int

    @property
    def exempt_share(self) -> float:
        return self.exempt / self.code_cells if self.code_cells else 0.0


def facts(path: Path) -> Facts:
    """Count prose, cells, exemptions, pictures and exercises of the notebook at ``path``."""
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    prose = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return Facts(
        characters=sum(len(HANZI.findall(cell.source)) for cell in prose),
        code_cells=len(code),
        exempt=sum(EXEMPT_TAG in cell.metadata.get("tags", []) for cell in code),
        pictures=sum(len(pictures(cell.outputs)) for cell in code),
        exercises=sum(cell.cell_type == "code" for cell in graded),
        open_questions=sum(cell.cell_type == "markdown" for cell in graded),
        bytes=path.stat().st_size,
    )


def problems(notebook: NotebookNode) -> list[str]:
    """What keeps a notebook from being stored: errors, warnings, cells never run, odd tags."""
    found = []
    for cell in notebook.cells:
        unknown = set(cell.metadata.get("tags", [])) - ALLOWED_TAGS
        if unknown:
            found.append(f"{cell.id}: unknown tag {', '.join(sorted(unknown))}")
        if FIGURE_TAG in cell.metadata.get("tags", []) and cell.metadata.get("nbgrader"):
            found.append(f"{cell.id}: an exercise must not be folded (tag {FIGURE_TAG})")
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None and cell.source.strip():
            found.append(f"{cell.id}: was not run")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{cell.id}: stored error {output.ename}: {output.evalue}")
            if output.output_type == "stream" and output.name == "stderr":
                first = output.text.strip().splitlines()[:1]
                found.append(f"{cell.id}: writes to stderr: {' '.join(first)}")
        for picture in pictures(cell.outputs):
            if not picture.alt.strip() or picture.alt.startswith("<Figure"):
                found.append(f"{cell.id}: a picture without alt text (use plots.show)")
    return found
