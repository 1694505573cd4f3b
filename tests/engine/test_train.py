"""batches, evaluate, fit: order, early stopping, interruption, schedules, L1, augmentation."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_course import engine, runtime
from aigc_course.engine import nn, optim
from aigc_course.engine.train import count_correct


def blobs(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    centres = np.array([[0, 2], [2, -1], [-2, -1]])
    return (centres[y] + rng.normal(size=(n, 2)) * 0.7).astype(np.float32), y


def network(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(
        nn.Linear(2, 16, generator=rng), nn.ReLU(), nn.Linear(16, 3, generator=rng)
    )


def train(model=None, **changes):
    model = model or network()
    options = {
        "loss": nn.CrossEntropyLoss(), "epochs": 5, "batch_size": 32,
        "rng": np.random.default_rng(1),
    } | changes  # fmt: skip
    optimizer = options.pop("optimizer", None) or optim.Adam(model.parameters(), lr=0.02)
    val = options.pop("val", blobs(60, seed=1))
    return model, engine.fit(model, options.pop("train", blobs()), val, optimizer, **options)


# --- batches ---------------------------------------------------------------------------------


def test_every_sample_comes_once_and_the_last_batch_is_kept():
    x, y = np.arange(10) * 10, np.arange(10)
    made = list(engine.batches(x, y, 4, np.random.default_rng(0)))
    assert [len(b) for b, _ in made] == [4, 4, 2]
    assert sorted(np.concatenate([b for b, _ in made])) == sorted(x)
    assert all((bx == by * 10).all() for bx, by in made)
    assert not (np.concatenate([b for _, b in made]) == y).all()
    again = list(engine.batches(x, y, 4, np.random.default_rng(0)))
    assert all((a[0] == b[0]).all() for a, b in zip(made, again, strict=True))
    plain = [b.tolist() for b, _ in engine.batches(x, y, 6, shuffle=False)]
    assert plain == [[0, 10, 20, 30, 40, 50], [60, 70, 80, 90]]
    assert list(engine.batches(x[:0], y[:0], 3, shuffle=False)) == []
    assert isinstance(made[0][0], np.ndarray)


def test_batches_checks_its_arguments_at_once():
    with pytest.raises(ValueError, match="3 and 2 samples"):
        engine.batches(np.ones(3), np.ones(2), 1)
    with pytest.raises(ValueError, match="batch_size"):
        engine.batches(np.ones(3), np.ones(3), 0)


# --- evaluate --------------------------------------------------------------------------------


def test_evaluate_is_the_mean_over_samples_and_leaves_the_modes_alone():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))
    model[1].eval()
    x, y = blobs(50)
    whole = engine.evaluate(model, x, y, nn.CrossEntropyLoss())
    parts = engine.evaluate(model, x, y, nn.CrossEntropyLoss(), batch_size=7)
    assert whole == pytest.approx(parts, rel=1e-5)
    assert model.training and model[0].training and not model[1].training
    logits = model[0](x).detach().numpy()
    assert whole[1] == (logits.argmax(1) == y).mean()
    with pytest.raises(ValueError, match="no samples"):
        engine.evaluate(model, x[:0], y[:0], nn.CrossEntropyLoss())


def test_accuracy_of_single_logits_and_of_soft_targets():
    assert count_correct(np.array([[2.0], [-1.0]]), np.array([1, 1])) == 1
    assert count_correct(np.array([2.0, -1.0]), np.array([1.0, 0.0])) == 2
    assert count_correct(np.array([[1.0, 2.0]]), np.array([[0.1, 0.9]])) in (1, 2)


# --- fit -------------------------------------------------------------------------------------


def test_fit_learns_and_keeps_a_history():
    model, history = train(epochs=8)
    assert history.train_acc[-1] > 0.9 and history.val_acc[-1] > 0.85
    lists = (history.train_loss, history.val_loss, history.train_acc, history.val_acc, history.lr)
    assert [len(each) for each in lists] == [8] * 5 and history.epochs == 8
    assert history.best_epoch == int(np.argmin(history.val_loss))
    x, y = blobs(60, seed=1)
    assert engine.evaluate(model, x, y, nn.CrossEntropyLoss())[0] == pytest.approx(
        history.val_loss[-1]
    )


def test_the_same_seed_gives_the_same_run():
    assert train()[1].val_loss == train()[1].val_loss
    assert train()[1].val_loss != train(rng=np.random.default_rng(2))[1].val_loss


def test_it_is_the_loop_one_would_write_by_hand():
    model, twin = network(), network()
    x, y = blobs()
    _, history = train(model, optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=2)
    optimizer, rng = optim.SGD(twin.parameters(), lr=0.1), np.random.default_rng(1)
    for _ in range(2):
        total = 0.0
        for bx, by in engine.batches(x, y, 32, rng):
            loss = engine.functional.cross_entropy(twin(bx), by)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(bx)
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert (a.data == b.data).all()
    assert history.train_loss[-1] == pytest.approx(total / len(x))


def test_patience_stops_and_puts_the_best_weights_back():
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    seen = []

    def spoil(epoch, history):
        seen.append(nn.utils.parameters_to_vector(model.parameters()).data.copy())
        if epoch == 2:
            optimizer.param_groups[0]["lr"] = 4.0

    _, history = train(model, optimizer=optimizer, epochs=50, patience=3, on_epoch=spoil)
    assert history.stopped_early and history.epochs == history.best_epoch + 4 < 50
    now = nn.utils.parameters_to_vector(model.parameters()).data
    assert (now == seen[history.best_epoch]).all()


def test_without_patience_the_last_weights_stay():
    model, seen = network(), []
    train(model, on_epoch=lambda e, h: seen.append(model[0].weight.data.copy()) and None)
    assert (model[0].weight.data == seen[-1]).all()


def test_interruption_keeps_the_model_and_the_history(capsys):
    def stop(epoch, history):
        if epoch == 2:
            raise KeyboardInterrupt

    model, history = train(epochs=50, on_epoch=stop)
    assert history.interrupted and history.epochs == 3
    assert "训练被中断" in capsys.readouterr().out
    assert np.isfinite(model[0].weight.data).all()

    class Interrupting(nn.CrossEntropyLoss):
        calls = 0

        def forward(self, z, y):
            Interrupting.calls += 1
            if Interrupting.calls > 20:
                raise KeyboardInterrupt
            return super().forward(z, y)

    _, history = train(epochs=50, loss=Interrupting(), patience=2)
    assert history.interrupted and 1 <= history.epochs < 4


def test_on_epoch_may_end_training():
    assert train(epochs=50, on_epoch=lambda e, h: e == 3)[1].epochs == 4


def test_schedulers_step_per_epoch_per_batch_or_with_the_loss():
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    _, history = train(
        model, optimizer=optimizer, scheduler=optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    )
    assert history.lr == [1.0, 0.5, 0.25, 0.125, 0.0625]
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    cycle = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=5 * 7)
    _, history = train(model, optimizer=optimizer, scheduler=cycle)
    assert cycle.last_epoch == 35 and history.epochs == 5
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.0)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    _, history = train(model, optimizer=optimizer, scheduler=plateau)
    assert plateau.best == pytest.approx(min(history.val_loss), rel=1e-3)


def test_l1_makes_weights_small_but_not_biases():
    plain, _ = train(epochs=15)
    sparse, _ = train(epochs=15, l1=0.02)
    size = [np.abs(m[0].weight.data).sum() for m in (plain, sparse)]
    assert size[1] < 0.6 * size[0]
    model = nn.Linear(2, 3)
    model.weight.data[...] = 0.5
    before, bias = model.weight.data.copy(), model.bias.data.copy()

    class Nothing(nn.Module):
        def forward(self, z, y):
            return (z * 0).sum()

    x, y = blobs(32)
    engine.fit(
        model, (x, y), None, optim.SGD(model.parameters(), lr=0.1),
        loss=Nothing(), epochs=1, batch_size=32, l1=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(model.weight.data, before - 0.1, rtol=1e-6)
    assert (model.bias.data == bias).all()


def test_augment_gets_the_batch_and_the_generator():
    seen = []

    def augment(x, rng):
        seen.append((len(x), isinstance(rng, np.random.Generator)))
        return x + rng.normal(size=x.shape).astype(np.float32) * 0.01

    source = blobs()
    kept = source[0].copy()
    train(train=source, augment=augment, epochs=1)
    assert seen == [(32, True)] * 6 + [(8, True)] and (source[0] == kept).all()


def test_binary_labels_and_no_validation():
    x, y = blobs()
    y = (y == 0).astype(np.float32)[:, None]
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    _, history = train(model, train=(x, y), val=None, loss=nn.BCEWithLogitsLoss(), epochs=10)
    assert history.train_acc[-1] > 0.9 and history.val_loss == [] and history.best_epoch >= 0


def test_a_last_batch_of_one_says_what_to_do():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with pytest.raises(engine.ShapeError, match="no single sample for the last batch"):
        train(model, train=blobs(65), batch_size=32)
    assert train(model, train=blobs(66), batch_size=32)[1].epochs == 5


def test_progress_goes_around_the_epochs():
    seen = []

    def counted(epochs):
        for epoch in epochs:
            seen.append(epoch)
            yield epoch

    assert train(epochs=3, progress=counted)[1].epochs == 3 and seen == [0, 1, 2]
    assert train(epochs=9, progress=counted, on_epoch=lambda e, h: e == 1)[1].epochs == 2
    assert seen == [0, 1, 2, 0, 1]


def test_the_engine_draws_no_bar_until_the_course_gives_it_one(monkeypatch, capsys):
    monkeypatch.setenv("AIGC_HEADLESS", "0")
    monkeypatch.setattr(engine.train, "default_progress", iter)
    train(epochs=2)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(runtime, "limit_threads", lambda n: n)
    runtime.setup(0)
    train(epochs=2)
    assert "训练" in capsys.readouterr().err
    monkeypatch.setenv("AIGC_HEADLESS", "1")
    train(epochs=2)
    assert capsys.readouterr() == ("", "")


def test_wrong_arguments():
    with pytest.raises(ValueError, match="patience"):
        train(val=None, patience=3)
    with pytest.raises(ValueError, match="no samples"):
        train(train=(np.zeros((0, 2), np.float32), np.zeros(0, np.int64)))
    with pytest.raises(TypeError, match=r"default_rng\(seed\)"):
        train(rng=0)
