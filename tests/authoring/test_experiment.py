"""Sweeps: every row is kept, none is measured twice, and only a whole table is shipped."""

import os
import subprocess
import sys

import pytest

from aigc_course import data
from aigc_course.authoring import experiment as module
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.errors import UserError

POINTS = [{"name": name, "lr": lr, "seed": seed}
          for seed in range(2) for name in ("甲", "b,\"c\"") for lr in (0.1, 1.0)]  # fmt: skip


def quiet(iterable, desc="", total=None):
    return iter(iterable)


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """An experiment in a repository of its own, that notes at which points it has measured."""
    root = tmp_path / "课程 data"
    (root / "manifest").mkdir(parents=True)
    monkeypatch.setenv("AIGC_DATA", str(root))
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    script = tmp_path / "experiments" / "05_try.py"
    script.parent.mkdir()
    script.write_text("first version\n", encoding="utf-8")
    measured = []

    def measure(name, lr, seed):
        measured.append((name, lr, seed))
        return {"loss": lr * 2 + seed, "ok": seed == 1}

    made = Experiment(script, "试一试", "只为测试。", POINTS, measure)
    object.__setattr__(made, "measured", measured)
    return made


def stop_after(n):
    def progress(iterable, desc="", total=None):
        for k, item in enumerate(iterable):
            if k == n:
                raise KeyboardInterrupt
            yield item

    return progress


def run(sweep, tmp_path, **options):
    return sweep.run(tmp_path / "runs", **{"progress": quiet, **options})


def test_the_table_is_what_was_measured(sweep, tmp_path):
    assert main(sweep, []) == 0
    rows = data.results("05_try")
    assert [(row["name"], row["lr"], row["seed"]) for row in rows] == sweep.measured
    for row in rows:
        assert row["loss"] == row["lr"] * 2 + row["seed"] and row["ok"] is (row["seed"] == 1)
        assert type(row["lr"]) is float and type(row["seed"]) is int and row["seconds"] >= 0
        assert "python=" in row["versions"] and "CPU" in row["machine"] and "-" in row["date"]
    entry = data.item("05_try")
    assert (entry.kind, entry.command) == ("results", "python experiments/05_try.py")
    assert entry.made["rows"] == 8 and entry.made["script_sha256"] == sweep.fingerprint
    card = data.show("05_try").card
    for words in ("# 试一试", "只为测试。", "8 行", f"{entry.size:,}", entry.command, "`loss`"):
        assert words in card


def test_nothing_tells_whose_machine_it_was(sweep, whose_machine):
    main(sweep, [])
    root = data.data_root()
    text = "".join(path.read_text("utf-8") for path in root.rglob("05_try.*"))
    assert text and [word for word in whose_machine if word in text] == []


@pytest.mark.parametrize("n", [0, 1, 5, 7])
def test_a_stopped_sweep_goes_on_where_it_was(sweep, tmp_path, n):
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path, progress=stop_after(n))
    assert len(sweep.measured) == n
    rows = run(sweep, tmp_path)
    assert len(sweep.measured) == 8, "no point is measured twice"
    assert [row["name"] for row in rows] == [point["name"] for point in POINTS]


def test_an_unfinished_sweep_ships_nothing(sweep, tmp_path, monkeypatch, capsys):
    def interrupted(name, lr, seed):
        raise KeyboardInterrupt

    object.__setattr__(sweep, "measure", interrupted)
    assert main(sweep, []) == 130 and "再运行同一条命令就接着算" in capsys.readouterr().err
    assert list((data.data_root() / "manifest").iterdir()) == []
    assert not (data.data_root() / "results").exists()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_cut_off_by_a_crash_is_measured_again(sweep, tmp_path, cut):
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path, progress=stop_after(3))
    table = tmp_path / "runs" / "05_try.csv"
    table.write_bytes(table.read_bytes()[:-cut])
    rows = run(sweep, tmp_path)
    assert len(sweep.measured) == 9 and len(rows) == 8
    assert all(None not in row.values() and None not in row for row in rows)


def test_a_head_cut_off_by_a_crash(sweep, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "05_try.script").write_text(sweep.fingerprint, encoding="utf-8")
    (tmp_path / "runs" / "05_try.csv").write_bytes(b"name,lr,se")
    assert len(run(sweep, tmp_path)) == 8
    assert main(sweep, ["--restart"]) == 0 and len(data.results("05_try")) == 8


def test_rows_of_another_version_are_not_mixed_in(sweep, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(sweep, tmp_path, progress=stop_after(3))
    sweep.script.write_text("second version\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"05_try\.py 改过了.*--restart.*--keep"):
        run(sweep, tmp_path)
    assert len(run(sweep, tmp_path, keep=True)) == 8 and len(sweep.measured) == 8
    sweep.script.write_text("third version\n", encoding="utf-8")
    run(sweep, tmp_path, restart=True)
    assert len(sweep.measured) == 16
    sweep.script.write_bytes(b"third version\r\n")
    run(sweep, tmp_path)
    assert len(sweep.measured) == 16, "line endings are no other version"


def test_points_taken_out_leave_the_table(sweep, tmp_path):
    run(sweep, tmp_path)
    object.__setattr__(sweep, "points", POINTS[2:4])
    assert [row["name"] for row in run(sweep, tmp_path)] == [point["name"] for point in POINTS[2:4]]


def test_two_at_once(sweep, tmp_path):
    def second(iterable, desc="", total=None):
        with pytest.raises(UserError, match="05_try 正在别处运行"):
            run(sweep, tmp_path)
        return iter(iterable)

    run(sweep, tmp_path, progress=second)


def test_mistakes_in_the_script_are_named(sweep, tmp_path):
    object.__setattr__(sweep, "points", [*POINTS, POINTS[0]])
    with pytest.raises(ValueError, match="points: 9, but only 8 differ"):
        run(sweep, tmp_path)
    object.__setattr__(sweep, "points", POINTS)
    object.__setattr__(sweep, "measure", lambda **point: {"seed": 3})
    with pytest.raises(ValueError, match="gave seed, a name that is taken"):
        run(sweep, tmp_path)


def test_a_folder_that_cannot_be_written_is_told_in_one_line(sweep, tmp_path, capsys):
    (tmp_path / "runs").write_text("in the way", encoding="utf-8")
    assert main(sweep, []) == 1
    said = capsys.readouterr().err
    assert said.startswith("✗ ") and "runs" in said and said.count("\n") == 1


KILLED = """
import sys, time
from pathlib import Path
from aigc_course.authoring.experiment import Experiment, main

def measure(seed):
    print("at", seed, flush=True)
    if seed == 2 and len(sys.argv) > 2:
        time.sleep(60)
    return {"twice": 2 * seed}

points = [{"seed": seed} for seed in range(4)]
raise SystemExit(main(Experiment(Path(sys.argv[1]), "题", "说明", points, measure), []))
"""


def test_killed_and_taken_up_again(sweep, tmp_path):
    command = [sys.executable, "-c", KILLED, str(sweep.script)]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with subprocess.Popen([*command, "x"], stdout=subprocess.PIPE, env=environment) as first:
        assert [first.stdout.readline().split()[1] for _ in range(3)] == [b"0", b"1", b"2"]
        first.kill()
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line[:2] == "at"] == ["at 2", "at 3"]
    assert [row["twice"] for row in data.results("05_try")] == [0, 2, 4, 6]


def test_a_row_is_flushed_to_the_disk(sweep, tmp_path, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(module.os, "fsync", lambda handle: synced.append(handle) or sync(handle))
    module._append(tmp_path / "t.csv", {"a": "1"})
    assert len(synced) == 1 and (tmp_path / "t.csv").read_bytes() == b"a\n1\n"
