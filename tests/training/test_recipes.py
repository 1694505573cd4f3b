"""Every recipe is complete, and what it shipped does what its card says."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from aigc_course import data, engine
from aigc_course.training import recipe as recipe_module
from aigc_course.training.recipes import mlp

NAMES = recipe_module.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_all_that_is_asked_of_it(name):
    recipe = recipe_module.find(name)
    assert any("\u4e00" <= c <= "\u9fff" for c in recipe.TITLE) and "\n" not in recipe.TITLE
    assert sum("\u4e00" <= c <= "\u9fff" for c in recipe.ABOUT) > 50
    assert set(recipe.PRESETS) <= {"cpu", "gpu"} and "cpu" in recipe.PRESETS
    for config in recipe.PRESETS.values():
        assert is_dataclass(config) and type(config).__dataclass_params__.frozen
        assert "seed" in {field.name for field in fields(config)}
    for source in recipe.DATA:
        assert data.item(source).kind == "data"


def test_every_checkpoint_has_its_recipe_and_says_how_it_was_made():
    for entry in data.listing():
        if entry.kind == "checkpoint":
            assert entry.name in NAMES
            wanted = {"preset", "config", "data", "device", "seconds", "versions", "metrics"}
            assert wanted | {"sample"} <= set(entry.made)
            for source, checksum in entry.made["data"].items():
                assert data.item(source).sha256 == checksum, f"{entry.name}: {source} has changed"


def test_mlp_is_as_good_as_its_card_says():
    model = mlp.build(mlp.Config(), np.random.default_rng(0))
    model.load_state_dict(engine.load(data.checkpoint("mlp")))
    test = data.fashion_mnist().test
    loss, accuracy = engine.evaluate(
        model, data.as_float(test.x), test.y, engine.functional.cross_entropy
    )
    metrics = data.item("mlp").made["metrics"]
    assert accuracy == pytest.approx(metrics["test_accuracy"], abs=2e-4)
    assert loss == pytest.approx(metrics["test_loss"], abs=1e-3)


def test_mlp_is_read_by_pytorch_too():
    import torch
    from safetensors.torch import load_file

    ours = mlp.build(mlp.Config(), np.random.default_rng(0))
    ours.load_state_dict(engine.load(data.checkpoint("mlp")))
    layers = [torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128)]
    theirs = torch.nn.Sequential(*layers, torch.nn.ReLU(), torch.nn.Linear(128, 10))
    theirs.load_state_dict(load_file(data.checkpoint("mlp")))
    x = data.as_float(data.fashion_mnist().test.x[:100])
    with torch.no_grad(), engine.no_grad():
        np.testing.assert_allclose(
            theirs(torch.from_numpy(x)).numpy(), ours(engine.tensor(x)).numpy(), atol=1e-4
        )


def test_cnn_is_as_good_as_its_card_says():
    import torch

    from aigc_course.training.checkpoint import load_weights
    from aigc_course.training.recipes import cnn

    model = cnn.build(cnn.Config())
    load_weights(data.checkpoint("cnn"), model)
    test = data.fashion_mnist().test
    first = slice(None, None, 5)
    part = data.Split(test.x[first], test.y[first], test.index[first])
    with torch.no_grad():
        measured = cnn.evaluate(model.eval(), part)
    metrics = data.item("cnn").made["metrics"]
    assert measured["accuracy"] == pytest.approx(metrics["test_accuracy"], abs=0.015)
    assert metrics["test_accuracy"] >= 0.94


def test_tagger_is_as_good_as_its_card_says():
    import torch

    from aigc_course.training.checkpoint import load_weights
    from aigc_course.training.recipes import tagger

    model = tagger.build(tagger.Config())
    load_weights(data.checkpoint("tagger"), model)
    rows = tagger.pieces(data.newspaper().test)[::4]
    with torch.no_grad():
        measured = tagger.evaluate(model.eval(), rows)
    metrics = data.item("tagger").made["metrics"]
    assert measured["f1"] == pytest.approx(metrics["test_f1"], abs=0.025)
    assert metrics["test_f1"] >= 0.8


def test_the_taggers_batches_hold_every_row_once_with_little_filling():
    from aigc_course.training.recipes import tagger

    rows = tagger.pieces(data.newspaper().val[:200])
    batches = tagger.Batches(rows, 500)
    sizes = [tuple(batches[[k]][0].shape) for k in range(len(batches))]
    assert sum(b for b, _ in sizes) == len(rows)
    assert all(b * t <= 500 or b == 1 for b, t in sizes)
    lengths = [int(n) for k in range(len(batches)) for n in batches[[k]][2]]
    assert sorted(lengths) == sorted(len(c) for c, _ in rows)
    assert sum(lengths) > 0.9 * sum(b * t for b, t in sizes)


def test_sentiment_is_as_good_as_its_card_says():
    from aigc_course.training.checkpoint import load_weights
    from aigc_course.training.recipes import sentiment

    model = sentiment.build(sentiment.Config())
    load_weights(data.checkpoint("sentiment"), model)
    test = data.reviews().test
    found = sentiment.evaluate(model.eval(), sentiment.numbers(test.x), test.y)
    metrics = data.item("sentiment").made["metrics"]
    assert found["accuracy"] == pytest.approx(metrics["test_accuracy"], abs=2e-3)
    assert found["loss"] == pytest.approx(metrics["test_loss"], abs=2e-3)


def test_bundles_hold_every_review_once_and_need_no_filling():
    from aigc_course.training.recipes.sentiment import Bundles

    rng = np.random.default_rng(0)
    x = [[int(k) + 2] * int(n) for k, n in enumerate(rng.integers(0, 6, size=40))]
    bundles = Bundles(x, np.arange(40), size=3, seed=1, weight=np.arange(40.0))
    seen = []
    for k in range(len(bundles)):
        batch = bundles[[k]]
        assert 1 <= len(batch["y"]) <= 3
        assert (batch["lengths"] == batch["x"].shape[1]).all()
        assert batch["x"].tolist() == [x[int(y)] for y in batch["y"]]
        assert batch["weight"].equal(batch["y"])
        seen += batch["y"].int().tolist()
    assert sorted(seen) == list(range(40))
