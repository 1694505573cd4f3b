"""``aigc data``: what takes too much room is told."""

import pytest
from typer.testing import CliRunner

from aigc_course.cli.main import app
from aigc_course.data import manifest


def aigc(*words):
    return CliRunner().invoke(app, ["data", *words])


def test_every_kind_is_listed_with_its_budget():
    listed = aigc("list")
    for words in ("数据共", "检查点共", "结果共", "限额 60 MB", "限额 2 MB"):
        assert words in listed.output
    assert "✓ 检查点共" in aigc("verify").output
    assert "限额" not in aigc("verify", "font").output


@pytest.mark.parametrize("kind", manifest.KINDS)
def test_a_kind_over_its_budget_ends_verify_with_1(monkeypatch, kind):
    monkeypatch.setitem(manifest.BUDGETS, kind, 1_000)
    done = aigc("verify")
    assert done.exit_code == 1
    assert done.stderr.count("✗") == 1 and "，限额 0 MB" in done.stderr
