"""The gaps of nbval are closed: each notebook here must fail, and for the right reason."""

import base64
import os
import subprocess
import sys

import nbformat
import pytest

from aigc_course.authoring.notebooks import execute, normalise, store
from aigc_course.authoring.text import from_text

FIGURE = """%%% code figure
import io, os
from IPython.display import display
from PIL import Image, ImageDraw
image = Image.new("RGB", (320, 240), "white")
ImageDraw.Draw(image).rectangle([40, 40, int(os.environ.get("EDGE", "200")), 160], fill="navy")
buffer = io.BytesIO()
image.save(buffer, "png")
display({"image/png": buffer.getvalue(), "text/plain": "一个矩形"}, raw=True)
"""


def stored(text, path):
    notebook = from_text(text)
    execute(notebook, path.parent)
    store(normalise(notebook), path)
    return path


def nbval(path, *options, env=None):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval",
        "-p",
        "aigc_course.authoring.nbval_plus",
    ]
    command += [
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(path.parent),
        "-c",
        os.devnull,
    ]
    command += ["--color=no", *options, str(path)]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240)


@pytest.fixture(scope="module")
def figure(tmp_path_factory):
    return stored(FIGURE, tmp_path_factory.mktemp("nbval") / "figure.ipynb")


def test_an_unchanged_figure_passes(figure):
    result = nbval(figure)
    assert result.returncode == 0, result.stdout


def test_a_changed_figure_fails(figure):
    result = nbval(figure, env={"EDGE": "260"})
    assert result.returncode == 1
    assert "picture 1 of 1 differs" in result.stdout and "一个矩形" in result.stdout


def test_an_empty_figure_fails_even_where_output_is_exempt(tmp_path):
    exempt = FIGURE.replace("%%% code figure", "%%% code figure tags=nbval-ignore-output")
    path = stored(exempt, tmp_path / "exempt.ipynb")
    assert nbval(path, env={"EDGE": "260"}).returncode == 0
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = notebook.cells[0].source.replace('fill="navy"', 'fill="white"')
    nbformat.write(notebook, path)
    result = nbval(path)
    assert result.returncode == 1 and "is empty" in result.stdout


def test_a_lost_figure_fails_even_where_output_is_exempt(tmp_path):
    exempt = FIGURE.replace("%%% code figure", "%%% code figure tags=nbval-ignore-output")
    path = stored(exempt, tmp_path / "lost.ipynb")
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[0].source = "1"
    nbformat.write(notebook, path)
    result = nbval(path)
    assert result.returncode == 1 and "1 pictures are stored, the run made 0" in result.stdout


def test_a_picture_inside_html_is_compared_by_sight(tmp_path):
    html = FIGURE.replace(
        'display({"image/png": buffer.getvalue(), "text/plain": "一个矩形"}, raw=True)',
        "import base64\ncode = base64.b64encode(buffer.getvalue()).decode()\n"
        'src = f\'<img alt="矩形" src="data:image/png;base64,{code}">\'\n'
        'display({"text/html": src, "text/plain": "一个矩形"}, raw=True)',
    )
    path = stored(html, tmp_path / "html.ipynb")
    assert nbval(path).returncode == 0
    assert nbval(path, env={"EDGE": "260"}).returncode == 1


@pytest.mark.parametrize("spread", [(), ("-n", "2", "--dist", "loadfile")])
def test_a_dead_kernel_is_noticed_at_once(tmp_path, spread):
    path = tmp_path / "dead.ipynb"
    notebook = from_text("%%% code die\nimport os\nos._exit(3)\n\n%%% code after\n1\n")
    for cell in notebook.cells:
        cell.execution_count = 1
    nbformat.write(notebook, path)
    # without a limit of its own nothing but the kernel's death ends the cell; nbval() stops waiting
    result = nbval(path, "--nbval-cell-timeout=2000", *spread)
    assert result.returncode == 1
    assert "kernel died" in result.stdout and "exit status 3" in result.stdout


@pytest.mark.parametrize("spread", [(), ("-n", "2", "--dist", "loadfile")])
def test_a_changed_number_fails(tmp_path, spread):
    path = stored("%%% code a\nprint(f'{0.8712:.4f}')\n", tmp_path / "number.ipynb")
    text = path.read_text(encoding="utf-8").replace('"0.8712', '"0.8713')
    path.write_text(text, encoding="utf-8")
    result = nbval(path, *spread)
    assert result.returncode == 1 and "0.8713" in result.stdout


def test_the_stored_bytes_are_a_picture(figure):
    output = nbformat.read(figure, as_version=4).cells[0].outputs[0]
    assert base64.b64decode(output.data["image/png"]).startswith(b"\x89PNG")
