"""The scripts in experiments/: complete, and their tables are what the scripts say."""

import base64
import importlib.util
from pathlib import Path

import pytest

from aigc_course import data, engine
from aigc_course.authoring.experiment import STAMP, Experiment

SCRIPTS = sorted((Path(__file__).parents[1] / "experiments").glob("[0-9][0-9]_*.py"))


# Tables that only choose, and on which no difference is claimed: the score of what they chose is
# measured with more seeds in a table of its own; and what has one right answer.
FEWER_SEEDS = {"06_select": 2, "09_hmm": 1, "15_flagged": 1}


def experiment(script: Path) -> Experiment:
    spec = importlib.util.spec_from_file_location(f"experiment_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.EXPERIMENT


@pytest.fixture(params=SCRIPTS, ids=lambda script: script.stem)
def sweep(request):
    return experiment(request.param)


def test_the_settings_follow_the_rules(sweep):
    assert {tuple(point) for point in sweep.points} == {tuple(sweep.points[0])}
    settings = [{k: v for k, v in point.items() if k != "seed"} for point in sweep.points]
    for one in settings:
        enough = FEWER_SEEDS.get(sweep.name, 5)
        assert settings.count(one) >= enough, f"{one}: fewer than {enough} seeds"
    assert sum("\u4e00" <= c <= "\u9fff" for c in sweep.about) > 100


def test_the_table_holds_every_point(sweep):
    rows = data.results(sweep.name)
    names = tuple(sweep.points[0])
    assert [tuple(row[name] for name in names) for row in rows] == [
        tuple(point.values()) for point in sweep.points
    ]
    assert set(STAMP) < set(rows[0])
    for source, checksum in data.item(sweep.name).made["data"].items():
        assert data.item(source).sha256 == checksum, f"{sweep.name}: {source} has changed"


def test_one_point_of_lesson_05_again():
    [script] = [path for path in SCRIPTS if path.stem == "05_tuning"]
    point = {"optimizer": "Adam", "schedule": "恒定", "lr": 0.001, "seed": 0}
    found = experiment(script).measure(**point)
    [row] = [r for r in data.results("05_tuning") if all(r[k] == v for k, v in point.items())]
    for name, value in found.items():
        assert value == pytest.approx(row[name], abs=0.01), name


def test_one_point_of_lesson_01_again():
    """The lesson does again what needs no training; here one net on shuffled labels."""
    [script] = [path for path in SCRIPTS if path.stem == "01_labels"]
    found = experiment(script).measure("打乱", 8, 0)
    rows = data.results("01_labels")
    [row] = [r for r in rows if (r["labels"], r["epochs"], r["seed"]) == ("打乱", 8, 0)]
    assert found["smooth"] == pytest.approx(row["smooth"], abs=0.06)
    assert found["like"] == pytest.approx(row["like"], abs=12)
    assert found["dark"] == pytest.approx(row["dark"], abs=40)


def test_one_point_of_lesson_03_again():
    """A ReLU network, which the lesson does not train again itself."""
    [script] = [path for path in SCRIPTS if path.stem == "03_deep"]
    names = ("activation", "depth", "scale", "centred", "steps", "lr", "seed")
    point = dict(zip(names, ("ReLU", 20, 1, False, 100, 0.01, 0), strict=True))
    found = experiment(script).measure(**point)
    [row] = [r for r in data.results("03_deep") if all(r[k] == v for k, v in point.items())]
    assert found["test_loss"] == pytest.approx(row["test_loss"], abs=0.01)
    assert found["first"] == pytest.approx(row["first"], rel=0.01)


def best_rates(table: str, *names: str) -> dict[tuple, float]:
    """The best rate of each setting; no best rate is at the edge of its grid."""
    losses: dict[tuple, dict[float, list[float]]] = {}
    for row in data.results(table):
        setting = tuple(row[name] for name in names)
        losses.setdefault(setting, {}).setdefault(row["lr"], []).append(row["val_loss"])
    best = {}
    for setting, by_rate in losses.items():
        means = {lr: sum(values) / len(values) for lr, values in by_rate.items()}
        best[setting] = min(means, key=means.get)
        assert min(means) < best[setting] < max(means), f"{setting}: at the edge of its grid"
    return best


def test_the_final_race_of_lesson_05_uses_what_the_tables_chose():
    tuned = best_rates("05_tuning", "optimizer", "schedule")
    clipped = best_rates("05_clipping", "spoilt", "clip")
    assert len(tuned) == 15 and len(clipped) == 8
    race = data.results("05_race")
    assert min(row["seed"] for row in race) > max(row["seed"] for row in data.results("05_tuning"))
    raced = {(r["optimizer"], r["schedule"], r["lr"]) for r in race if not r["clip"]}
    for (name, schedule), lr in tuned.items():
        assert name == "只归一" or (name, schedule, lr) in raced
    for row in race:
        if row["clip"] or row["spoilt"]:
            assert row["lr"] == clipped[row["spoilt"], row["clip"]]


def the_script(name: str):
    [script] = [path for path in SCRIPTS if path.stem == name]
    return script


def test_lesson_07_compares_the_strengths_that_the_validation_set_chose():
    accuracies: dict[tuple, dict[float, list[float]]] = {}
    for row in data.results("07_strength"):
        setting = accuracies.setdefault((row["labels"], row["cure"]), {})
        setting.setdefault(row["strength"], []).append(row["val_acc"])
    compared = {}
    for row in data.results("07_cures"):
        compared.setdefault((row["labels"], row["cure"]), set()).add(row["strength"])
    assert accuracies.keys() == compared.keys()
    for setting, by_strength in accuracies.items():
        means = {s: sum(values) / len(values) for s, values in by_strength.items()}
        assert compared[setting] == {max(means, key=means.get)}, setting
        # the strongest is too strong: the best is not at that end
        worst = max(means) if setting[1] not in ("早停", "轮数", "宽度") else min(means)
        if setting[1] != "什么都不加":
            assert means[worst] < max(means.values()) - 0.02, f"{setting}: not swept far enough"
    seeds = {row["seed"] for row in data.results("07_strength")}
    assert not seeds & {row["seed"] for row in data.results("07_cures")}


def test_lesson_07_compares_the_learning_rates_that_the_validation_set_chose():
    accuracies: dict[str, dict[tuple, list[float]]] = {}
    reported: dict[str, set[tuple]] = {}
    spoilt = [r for r in data.results("07_strength") if r["labels"] == "两成错标"]
    for row in data.results("07_rates") + [{"lr": 0.1, **row} for row in spoilt]:
        point = (row["lr"], row["strength"])
        if row["seed"] < 100:
            assert row.get("test_acc") is None
            found = accuracies.setdefault(row["cure"], {})
            found.setdefault(point, []).append(row["val_acc"])
        else:
            reported.setdefault(row["cure"], set()).add(point)
    for row in data.results("07_cures"):
        if row["labels"] == "两成错标" and row["size"] == 1000:
            reported.setdefault(row["cure"], set()).add((0.1, row["strength"]))
    assert accuracies.keys() == reported.keys()
    for cure, by_point in accuracies.items():
        means = {point: sum(values) / len(values) for point, values in by_point.items()}
        best = max(means, key=means.get)
        assert best in reported[cure], cure
        rates = {lr for lr, _ in means}
        if cure != "早停不退火":
            assert min(rates) < best[0] < max(rates), f"{cure}: at the edge of its grid"


def test_lesson_07_compares_the_epochs_that_the_validation_set_chose():
    chosen: dict[tuple, dict[tuple, list[float]]] = {}
    reported: dict[tuple, set[tuple]] = {}
    for row in data.results("07_epochs"):
        setting = (row["labels"], row["cure"])
        point = (row["lr"], row["epochs"], row["strength"])
        if row["seed"] < 100:
            assert row["test_acc"] is None
            chosen.setdefault(setting, {}).setdefault(point, []).append(row["val_acc"])
        else:
            reported.setdefault(setting, set()).add(point)
    assert chosen.keys() == reported.keys()
    for setting, by_point in chosen.items():
        best = max(by_point, key=lambda point: sum(by_point[point]))
        assert reported[setting] == {best}, setting
        for k in (0, 1):  # the rate, the epochs
            tried = {point[k] for point in by_point}
            assert min(tried) < best[k] < max(tried), f"{setting}: at the edge of its grid"


def test_lesson_07_reports_the_rare_class_at_the_rates_that_the_validation_set_chose():
    rows, found = data.results("07_rare"), {}
    for row in rows:
        if row["seed"] < 100:
            setting = found.setdefault(row["way"], {})
            setting.setdefault((row["lr"], row["steps"]), []).append(row["val_ap"])
    for way, grid in found.items():
        lr, _ = max(grid, key=lambda point: sum(grid[point]) / len(grid[point]))
        assert {r["lr"] for r in rows if r["way"] == way and r["seed"] >= 100} == {lr}
        assert min(grid)[0] < lr < max(grid)[0], f"{way}: at the edge of its grid"


def test_one_point_of_lesson_07_again():
    point = {"labels": "两成错标", "cure": "平移", "strength": 1.0, "seed": 3}
    found = experiment(the_script("07_strength")).measure(**point)
    [row] = [r for r in data.results("07_strength") if all(r[k] == v for k, v in point.items())]
    assert found["val_acc"] == pytest.approx(row["val_acc"], abs=0.015)


def test_the_report_of_lesson_02_uses_what_its_tuning_chose():
    found: dict[tuple, dict[tuple, list[float]]] = {}
    reported: dict[tuple, set[tuple]] = {}
    for row in data.results("02_mse_classes"):
        setting = tuple(row[name] for name in ("loss", "scale", "steps"))
        choice = (row["schedule"], row["lr"])
        if row["part"] == "调参":
            found.setdefault(setting, {}).setdefault(choice, []).append(row["accuracy"])
            assert row["seed"] < 100
        elif row["part"] == "报告":
            reported.setdefault(setting, set()).add(choice)
            assert row["seed"] >= 100
    assert set(found) == set(reported) and len(found) == 16
    for setting, by_choice in found.items():
        best = max(sorted(by_choice), key=lambda choice: sum(by_choice[choice]))
        assert reported[setting] == {best}, setting
        rates = {lr for _, lr in by_choice}
        # cross-entropy from a wrong start is as good at any rate above 10: no peak to be found
        flat = setting[:2] == ("交叉熵", 1.0)
        assert flat or min(rates) < best[1] < max(rates), f"{setting}: at the edge of its grid"
        down = [sum(v) / 5 for c, v in by_choice.items() if c[0] != "恒定" and c[1] >= 10]
        assert not flat or max(down) - min(down) < 0.01


def test_one_point_of_lesson_02_again():
    [script] = [path for path in SCRIPTS if path.stem == "02_mse_classes"]
    point = {"part": "报告", "loss": "均方误差", "scale": 0.0, "steps": 300, "seed": 100}
    [row] = [r for r in data.results("02_mse_classes") if all(r[k] == v for k, v in point.items())]
    again = experiment(script).measure(**point, schedule=row["schedule"], lr=row["lr"])
    assert again["accuracy"] == pytest.approx(row["accuracy"], abs=0.01)


def test_what_lesson_06_reports_is_what_its_table_chose():
    kinds: dict[tuple, dict[float, list[float]]] = {}
    for row in data.results("06_select"):
        kind = (row["model"], row["width"], row["epochs"])
        kinds.setdefault(kind, {}).setdefault(row["lr"], []).append(row["val_accuracy"])
    means = {k: {lr: sum(v) / len(v) for lr, v in by_rate.items()} for k, by_rate in kinds.items()}
    net, linear, narrow = (
        max((k for k in means if k[0] == model), key=lambda k: max(means[k].values()))
        for model in ("net", "linear", "narrow")
    )
    widths = [width for model, width, _ in means if model == "net"]
    assert min(widths) < net[1] < max(widths)
    report = data.results("06_report")
    chose = max(row["seed"] for row in data.results("06_select"))
    assert min(row["seed"] for row in report) > chose
    for kind in (net, linear, narrow):
        by_rate = means[kind]
        best = max(by_rate, key=by_rate.get)
        assert min(by_rate) < best < max(by_rate), f"{kind}: at the edge of its grid"
        same = [row for row in report if (row["width"], row["epochs"]) == kind[1:]]
        assert len(same) >= 10 and {row["lr"] for row in same} == {best}


def test_lesson_06_takes_no_row_from_a_training_that_was_interrupted(monkeypatch):
    """``engine.fit`` catches Ctrl-C and keeps the half-trained model."""
    [script] = [path for path in SCRIPTS if path.stem == "06_select"]
    sweep = experiment(script)
    monkeypatch.setattr(engine, "fit", lambda *_, **__: engine.History(interrupted=True))
    with pytest.raises(KeyboardInterrupt):
        sweep.measure(**sweep.points[0])


def test_the_pictures_of_lesson_06_are_those_of_its_report():
    names = ("width", "epochs", "lr", "relu", "seed")
    report = {tuple(r[n] for n in names): r["test_accuracy"] for r in data.results("06_report")}
    for row in data.results("06_pictures"):
        for name, count in (("val_right", 5_000), ("test_right", 10_000)):
            packed = base64.b64decode(row[name])
            assert len(packed) * 8 == count
        right = sum(byte.bit_count() for byte in base64.b64decode(row["test_right"]))
        assert right / 10_000 == pytest.approx(report[tuple(row[n] for n in names)], abs=0.005)


def test_lesson_06_nudges_the_network_that_it_reports():
    [script] = [path for path in SCRIPTS if path.stem == "06_nudge"]
    net = importlib.util.spec_from_file_location("nudge", script)
    module = importlib.util.module_from_spec(net)
    net.loader.exec_module(module)
    report = [
        row["test_accuracy"]
        for row in sorted(data.results("06_report"), key=lambda row: row["seed"])
        if row["relu"] and all(row[name] == value for name, value in module.NET.items())
    ]
    rows = data.results("06_nudge")
    assert [row["test_accuracy"] for row in rows] == pytest.approx(report, abs=0.005)
    assert min(row["changed"] for row in rows) > 0
