"""Every line of code in docs/plots.md runs, in order, and every helper is in it."""

import re

from matplotlib import pyplot as plt

from aigc_course import plots


def test_gallery_runs_and_is_complete(repository):
    text = (repository / "docs" / "plots.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    plt.close("all")  # of other tests in this process
    exec(compile(code, "docs/plots.md", "exec"), {})
    assert not plt.get_fignums()
    missing = [name for name in plots.__all__ if f"plots.{name}" not in code + text]
    assert not missing
