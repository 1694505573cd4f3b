"""The training loop: batches, evaluation, early stopping, and what happened as a ``History``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .autograd import Array, no_grad
from .nn.module import Module
from .optim.lr_scheduler import ReduceLROnPlateau
from .optim.optimizer import Optimizer
from .rng import pick
from .tensor import Tensor, as_tensor

Loss = Callable[[Tensor, Any], Tensor]
Progress = Callable[[Iterable[int]], Iterable[int]]

# around the epochs of a ``fit`` that is given no ``progress``: the engine draws nothing of its own,
# ``runtime.setup`` puts the course's bar here
default_progress: Progress = iter


def batches(
    x: Array,
    y: Array,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
) -> Iterator[tuple[Array, Array]]:
    """The data in pieces of ``batch_size`` samples; the last, smaller one is kept.

    Args:
        x: (N, ...)
        y: (N, ...)
        rng: decides the order; needed when ``shuffle``.
        shuffle: a new order each time.

    Example:
        >>> x, y = np.arange(5), np.arange(5)
        >>> [len(b) for b, _ in batches(x, y, 2, shuffle=False)]
        [2, 2, 1]
    """
    x = x._data if isinstance(x, Tensor) else np.asarray(x)
    y = y._data if isinstance(y, Tensor) else np.asarray(y)
    if len(x) != len(y):
        raise ValueError(f"x, y: got {len(x)} and {len(y)} samples, wanted as many of both")
    if batch_size < 1:
        raise ValueError(f"batch_size: got {batch_size}, wanted at least 1")
    rng = pick(rng) if shuffle else None

    def generate() -> Iterator[tuple[Array, Array]]:
        n = len(x)
        order = None if rng is None else rng.permutation(n)
        for start in range(0, n, batch_size):
            part = slice(start, start + batch_size)
            chosen = part if order is None else order[part]
            yield x[chosen], y[chosen]

    return generate()  # arguments are checked at the call, not at the first batch


@dataclass
class History:
    """What happened in each epoch. All lists have one entry an epoch.

    Attributes:
        train_loss, train_acc: mean over the epoch's batches, as they were trained on.
        val_loss, val_acc: on the validation data after the epoch; empty when there is none.
        lr: learning rate of the first parameter group during the epoch.
        best_epoch: index (from 0) of the lowest validation loss, or training loss without
            validation data; -1 before the first epoch.
        interrupted: training was ended by the user.
        stopped_early: training was ended because nothing got better.
    """

    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    train_acc: list[float] = field(default_factory=list)
    val_acc: list[float] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    best_epoch: int = -1
    interrupted: bool = False
    stopped_early: bool = False

    @property
    def epochs(self) -> int:
        """Number of whole epochs done."""
        return len(self.train_loss)


def count_correct(output: Array, y: Array) -> int:
    """How many samples are right: largest of K logits, or the sign of a single one.

    Example:
        >>> count_correct(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
        1
    """
    if output.ndim == y.ndim + 1 and output.shape[-1] > 1:
        return int((output.argmax(axis=-1) == y).sum())
    if output.size != y.size:  # class probabilities as targets
        return int((output.argmax(axis=-1) == y.argmax(axis=-1)).sum())
    return int(((output.reshape(-1) > 0) == (y.reshape(-1) > 0.5)).sum())


def evaluate(
    model: Module, x: Array, y: Array, loss: Loss, batch_size: int = 1000
) -> tuple[float, float]:
    """(mean loss, accuracy) of a model in evaluation mode; its mode is put back afterwards.

    Args:
        x: (N, ...) float
        y: (N,) classes, or what ``loss`` wants
        loss: of (output, target), the mean over samples.

    Raises:
        ValueError: no samples.
    """
    if not len(x):
        raise ValueError("x: got no samples, wanted at least one")
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    total, right = 0.0, 0
    try:
        with no_grad():
            for bx, by in batches(x, y, batch_size, shuffle=False):
                output = model(as_tensor(bx))
                total += float(loss(output, by).item()) * len(bx)
                right += count_correct(output._data, by)
    finally:
        for module, mode in modes:
            object.__setattr__(module, "training", mode)
    return total / len(x), right / len(x)


def fit(
    model: Module,
    train: tuple[Array, Array],
    val: tuple[Array, Array] | None,
    optimizer: Optimizer,
    *,
    loss: Loss,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator | None = None,
    on_epoch: Callable[[int, History], Any] | None = None,
    patience: int | None = None,
    scheduler: Any = None,
    augment: Callable[[Array, np.random.Generator], Array] | None = None,
    l1: float = 0.0,
    progress: Progress | None = None,
) -> History:
    """Train a model and say how it went.

    Interrupting (the stop button, Ctrl-C) ends training cleanly: the model and the history so far
    are kept.

    Args:
        train, val: (x, y) with x float32 (N, ...) and y int64 (N,); ``val`` may be None.
        loss: of (output, target).
        rng: order of the samples, and augmentation.
        on_epoch: called as ``on_epoch(epoch, history)`` after each epoch (from 0); training ends
            when it returns True.
        patience: stop after so many epochs without a lower validation loss, and put the best
            weights back, also when the epochs run out or training is interrupted.
        scheduler: its ``step()`` is called after each epoch; after each batch for ``OneCycleLR``;
            with the validation loss for ``ReduceLROnPlateau``.
        augment: x of a batch -> changed x.
        l1: factor of Σ|w| over weights (not biases or norms), added to the gradient but not to the
            losses reported.
        progress: wraps the epochs to show how far they are, as ``tqdm.tqdm`` does; by default the
            course's bar once ``runtime.setup`` has been called, and none without it.

    Returns:
        The :class:`History`, one entry an epoch.

    Raises:
        ValueError: ``patience`` without ``val``; empty training data.

    Example:
        >>> from aigc_course.engine import SGD, nn
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(64, 2)).astype(np.float32)
        >>> y = (x[:, 0] > 0).astype(np.int64)
        >>> model = nn.Linear(2, 2, generator=rng)
        >>> history = fit(model, (x, y), None, SGD(model.parameters(), lr=0.5),
        ...               loss=nn.CrossEntropyLoss(), epochs=20, batch_size=16, rng=rng)
        >>> history.epochs, history.train_acc[-1] > 0.9
        (20, True)
    """
    x, y = train
    if not len(x):
        raise ValueError("train: got no samples, wanted at least one")
    if patience is not None and val is None:
        raise ValueError("patience: needs validation data to know when to stop; pass val=(x, y)")
    rng = pick(rng)
    history = History()
    best_loss, best_state = float("inf"), None
    weights = [p for p in model.parameters() if p.ndim > 1] if l1 else []
    try:
        for epoch in (progress or default_progress)(range(epochs)):
            lr = float(optimizer.param_groups[0]["lr"])
            train_loss, train_acc = _one_epoch(
                model, x, y, optimizer, loss, batch_size, rng, scheduler, augment, weights, l1
            )
            measured = None if val is None else evaluate(model, val[0], val[1], loss)
            history.train_loss.append(train_loss)
            history.train_acc.append(train_acc)
            history.lr.append(lr)
            if measured is not None:
                history.val_loss.append(measured[0])
                history.val_acc.append(measured[1])
            now = train_loss if measured is None else measured[0]
            if now < best_loss or history.best_epoch < 0:
                best_loss, history.best_epoch = now, epoch
                if patience is not None:
                    best_state = {k: v._data.copy() for k, v in model.state_dict().items()}
            if scheduler is not None and not getattr(scheduler, "per_batch", False):
                scheduler.step(now) if isinstance(
                    scheduler, ReduceLROnPlateau
                ) else scheduler.step()
            if on_epoch is not None and on_epoch(epoch, history) is True:
                break
            if patience is not None and epoch - history.best_epoch >= patience:
                history.stopped_early = True
                break
    except KeyboardInterrupt:
        history.interrupted = True
        print(f"训练被中断：完成了 {history.epochs} 轮，模型保留。")
    if best_state is not None:
        model.load_state_dict(best_state)
    return history


def _one_epoch(
    model: Module,
    x: Array,
    y: Array,
    optimizer: Optimizer,
    loss: Loss,
    batch_size: int,
    rng: np.random.Generator,
    scheduler: Any,
    augment: Callable[[Array, np.random.Generator], Array] | None,
    weights: list[Any],
    l1: float,
) -> tuple[float, float]:
    model.train()
    total, right = 0.0, 0
    for bx, by in batches(x, y, batch_size, rng):
        if augment is not None:
            bx = augment(bx, rng)
        output = model(as_tensor(bx))
        value = loss(output, by)
        optimizer.zero_grad()
        value.backward()
        for w in weights:  # d|w|/dw is the sign of w
            if w._grad is not None:
                w._grad._data += l1 * np.sign(w._data)
        optimizer.step()
        if scheduler is not None and getattr(scheduler, "per_batch", False):
            scheduler.step()
        total += float(value.item()) * len(bx)
        right += count_correct(output._data, by)
    return total / len(x), right / len(x)
