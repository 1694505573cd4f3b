"""``aigc corpus`` as a command."""

import pytest
from typer.testing import CliRunner

from aigc_course.cli.main import app
from aigc_course.cli.texts import STEPS
from aigc_course.errors import UserError
from aigc_course.text import cleaning, storage
from aigc_course.text.pipeline import SCHEMA


def corpus(*words):
    return CliRunner().invoke(app, ["corpus", *map(str, words)])


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "我的 网页.txt"
    rows = [
        "<p>房间很干净，早餐也不错！！！！！！</p>",
        "房间很干净,早餐也不错！！！",
        "房間很大，電話 13800138000",
        "好",
        "",
        "<br>",
    ]
    path.write_text("\r\n".join(rows), encoding="utf-8")
    return path


def test_it_cleans_and_says_what_became_of_the_rows(tmp_path, raw):
    out = tmp_path / "语料.parquet"
    done = corpus(raw, "--out", out, "--shortest", 2, "--steps", ",".join(STEPS))
    assert done.exit_code == 0, done.output
    texts = storage.read(out, SCHEMA)["text"].to_pylist()
    assert texts[0] == "房间很干净，早餐也不错！"
    assert len(texts) == 2 and texts[1].startswith("房间很大，电话 ") and "138" not in texts[1]
    assert "读入 5 条" in done.output and "盖住私人信息" in done.output and "写好了" in done.output


def test_two_processes_write_the_same_bytes(tmp_path, raw):
    one, two = tmp_path / "1.parquet", tmp_path / "2.parquet"
    assert corpus(raw, raw, "--out", one).exit_code == 0
    assert corpus(raw, raw, "--out", two, "--workers", 2).exit_code == 0
    assert one.read_bytes() == two.read_bytes()


def test_switches_do_what_they_say(tmp_path, raw):
    def texts(*words):
        out = tmp_path / "x.parquet"
        done = corpus(raw, "--out", out, *words)
        assert done.exit_code == 0, done.output
        return storage.read(out, SCHEMA)["text"].to_pylist()

    assert any("13800138000" in text for text in texts("--no-private"))
    assert any("<p>" in text for text in texts("--steps", "none"))
    assert "好" in texts() and "好" not in texts("--shortest", 2)
    assert texts("--longest", 1) == ["好"]
    assert not any("電話" in text for text in texts("--han", "0.9"))
    near = ("--steps", "none", "--no-private")
    assert len(texts(*near, "--near", "0.5")) < len(texts(*near, "--near", "0"))
    assert len(texts(*near, "--near", "0.5", "--keep", "all")) == len(texts(*near, "--near", "0"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "wash"), "没有叫 wash 的步骤"),
        (("--shortest", 9, "--longest", 3), "比 --longest"),
        (("--keep", "last"), "first 或 all"),
        (("--workers", 2, "--cluster", "tcp://127.0.0.1:1"), "只能写一个"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, raw, words, said):
    done = corpus(raw, "--out", tmp_path / "x.parquet", *words)
    assert isinstance(done.exception, UserError) and said in str(done.exception.line())
    assert not (tmp_path / "x.parquet").exists()


def test_a_missing_file_is_named(tmp_path):
    done = corpus(tmp_path / "没有.txt", "--out", tmp_path / "x.parquet")
    assert isinstance(done.exception, UserError) and "没有.txt" in done.exception.line()


def test_every_step_is_one_of_the_library():
    assert all(callable(getattr(cleaning, name)) for name in STEPS)
    public = {name for name in cleaning.__all__ if name.islower() and name != "forms"}
    assert set(STEPS) == public, "a new step needs its Chinese name"
