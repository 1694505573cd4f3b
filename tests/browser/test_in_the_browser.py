"""The course as a learner sees it: a real JupyterLab in a real browser.

Needs Chromium and its driver (Debian: chromium, chromium-driver); skipped where there are none.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from aigc_course.authoring.text import from_text
from aigc_course.classroom.workspace.lessons import sources_checksum
from tests.support.real_server import AIGC, Running, started

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no Chromium here (Debian: chromium, chromium-driver)"
    ),
]

SLIDER = """%%% code slider
from matplotlib import pyplot as plt
from aigc_course import plots

def line(slope):
    fig, ax = plt.subplots(figsize=(3, 2))
    ax.plot([0, 1], [0, slope])
    ax.set_ylim(0, 2)
    return fig

plots.interact(line, alt="一条直线，斜率可调", labels={"slope": "斜率"}, slope=(0, 2, 0.1, 1.0))
"""
ANSWERS = """%%% code setup
from aigc_course.exercises import check

%%% code wrong
def attention(q, k, v):
    return (q @ k.transpose(-2, -1)).softmax(dim=-1) @ v

check("99.1", attention)

%%% code right
def attention(q, k, v):
    return (q @ k.transpose(-2, -1) / k.shape[-1] ** 0.5).softmax(dim=-1) @ v

check("99.1", attention)
"""


class Lab:
    """One page of JupyterLab; what a person would do by mouse is done by Lab's own commands."""

    def __init__(self, driver: Any, server: Running) -> None:
        self.driver, self.server = driver, server

    def open(self, name: str) -> None:
        address = f"http://127.0.0.1:{self.server.port}/lab/tree/{name}?reset"
        self.driver.get(f"{address}&token={self.server.token}")
        self.wait(
            "const panel = window.jupyterapp?.shell?.currentWidget;"
            "return panel?.content?.widgets?.length > 0 && panel.context.isReady"
            " && panel.sessionContext.session?.kernel?.connectionStatus === 'connected';",
            60,
        )

    def ask(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    def command(self, name: str) -> None:
        self.driver.set_script_timeout(300)
        self.driver.execute_async_script(
            "const done = arguments[1];"
            "window.jupyterapp.commands.execute(arguments[0]).then(() => done(), () => done());",
            name,
        )

    def wait(self, script: str, seconds: float, *values: Any) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := self.ask(script, *values):
                return found
            time.sleep(0.2)
        raise AssertionError(f"not within {seconds} s: {script}\n{self.ask(TEXT)[-2000:]}")

    def run_all(self) -> None:
        self.command("notebook:run-all-cells")

    def picture(self) -> dict[str, Any]:
        return dict(self.wait(PICTURE, 30))


TEXT = "return document.querySelector('.jp-Notebook')?.innerText ?? document.body.innerText;"
PICTURE = """
const image = document.querySelector('.jp-OutputArea img');
if (!image?.complete || !image.naturalWidth || !image.alt) return null;
return {src: image.src, alt: image.alt, shown: image.clientWidth, pixels: image.naturalWidth};
"""
NOT_RUN = """
const cells = jupyterapp.shell.currentWidget.content.widgets.filter((c) => c.model.type === 'code');
return cells.filter((c) => c.model.executionCount === null).map((c) => c.model.id);
"""
ERRORS = """
const cells = jupyterapp.shell.currentWidget.content.widgets.filter((c) => c.model.type === 'code');
return cells.filter((c) => c.model.outputs.toJSON().some((o) => o.output_type === 'error'))
  .map((c) => c.model.id);
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    from selenium import webdriver

    home = tmp_path_factory.mktemp("browser")
    folder = home / "我的 课程"
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={home / 'profile'}")
    options.binary_location = str(CHROMIUM)
    service = webdriver.ChromeService(executable_path=str(DRIVER))
    with started(folder, home, AIGC, ["--LabApp.expose_app_in_browser=True"]) as server:
        driver = webdriver.Chrome(options=options, service=service)
        # JupyterLab's current widget is the one with the focus, which a window nobody looks at
        # does not always have
        driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        try:
            yield Lab(driver, server)
        finally:
            driver.quit()


@pytest.fixture
def write(lab: Lab) -> Callable[[str, str], Path]:
    def to_folder(name: str, text: str) -> Path:
        path = lab.server.folder / name
        nbformat.write(from_text(text), path)
        return path

    return to_folder


@pytest.mark.parametrize("name", ["00_welcome.ipynb", "01_forward.ipynb"])
def test_run_all_reaches_the_end(lab: Lab, name: str) -> None:
    path = lab.server.folder / name
    delivered = sources_checksum(path.read_bytes())
    lab.open(name)
    lab.run_all()
    lab.command("docmanager:save")
    assert b'"image/png"' in path.read_bytes(), "saved with its outputs"
    assert sources_checksum(path.read_bytes()) == delivered, "which is no work of the learner's"
    assert lab.ask(NOT_RUN) == [] and lab.ask(ERRORS) == []
    assert "还没作答" in lab.ask("return JSON.stringify(jupyterapp.shell.currentWidget.model)")


def test_a_slider_moves_its_picture_which_stays(lab: Lab, write: Any) -> None:
    path = write("滑块.ipynb", SLIDER)
    lab.open("滑块.ipynb")
    lab.run_all()
    first = lab.picture()
    assert first["alt"] == "一条直线，斜率可调"
    assert first["pixels"] == pytest.approx(2 * first["shown"], abs=2), "natural size, sharp"
    assert 250 < first["shown"] < 350
    handle = lab.driver.find_element("css selector", ".aigc-interact .noUi-handle")
    handle.send_keys("\ue014" * 5)  # arrow to the right
    other = "const old = arguments[0], found = (() => {%s})(); return found && found.src !== old;"
    lab.wait(other % PICTURE, 20, first["src"])
    moved = lab.picture()
    lab.command("docmanager:save")
    stored = nbformat.read(path, as_version=4).cells[0].outputs
    assert any(o.data.get("image/png", "").strip() == moved["src"].split(",")[1] for o in stored)

    for session in json.loads(lab.server.ask("/api/sessions")):
        lab.server.ask(f"/api/sessions/{session['id']}", "DELETE")
    lab.open("滑块.ipynb")
    again = lab.picture()
    assert again == moved, "the picture as it was left"
    time.sleep(3)
    assert "not found" not in lab.ask(TEXT)


def test_a_wrong_and_a_right_answer_get_their_cards(lab: Lab, write: Any) -> None:
    write("答案.ipynb", ANSWERS)
    lab.open("答案.ipynb")
    lab.run_all()
    wrong, right = lab.wait(
        "const cards = [...document.querySelectorAll('.jp-RenderedHTML')].map((c) => c.innerText);"
        "return cards.length === 2 && cards;",
        30,
    )
    assert "✗" in wrong and "还差一点" in wrong and "想一想" in wrong
    assert "✓" in right and "通过" in right
