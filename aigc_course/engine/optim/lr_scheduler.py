"""Learning rates that change while training. Call ``scheduler.step()`` after ``optimizer.step()``.

Each schedule is a formula of the step number t (0 before the first ``step()``), so its curve can be
drawn without training.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from .optimizer import Optimizer


class LRScheduler:
    """Base: sets ``group["lr"]`` of every parameter group to :meth:`rate`.

    Attributes:
        last_epoch: t, the number of steps done.
        base_lrs: the learning rate of each group at the start.
        per_batch: whether :func:`~aigc_course.engine.fit` steps it after every batch.
    """

    per_batch = False

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"optimizer: got {type(optimizer).__name__}, wanted an Optimizer")
        self.optimizer = optimizer
        # a second schedule on the same optimiser starts from the same rates as the first
        self.base_lrs = [g.setdefault("initial_lr", g["lr"]) for g in optimizer.param_groups]
        self.last_epoch = 0
        self._apply()

    def rate(self, base: float, t: int) -> float:
        """Learning rate at step t for a group that started with ``base``."""
        raise NotImplementedError

    def step(self) -> None:
        """One step further."""
        self.last_epoch += 1
        self._apply()

    def _apply(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = self.rate(base, self.last_epoch)

    def get_last_lr(self) -> list[float]:
        """The learning rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if isinstance(v, int | float | list)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._apply()


def _at_least_one(**lengths: float) -> None:
    for name, value in lengths.items():
        if not value >= 1:
            raise ValueError(f"{name}: got {value}, wanted at least 1")


class LambdaLR(LRScheduler):
    """base · factor(t), for any function of t.

    Example:
        >>> from aigc_course.engine import SGD, Tensor
        >>> optimizer = SGD([Tensor([1.0], requires_grad=True)], lr=1.0)
        >>> warmup = LambdaLR(optimizer, lambda t: min(1.0, (t + 1) / 4))
        >>> rates = [optimizer.param_groups[0]["lr"]]
        >>> for _ in range(4):
        ...     warmup.step(); rates.append(optimizer.param_groups[0]["lr"])
        >>> rates
        [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[int], float]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.lr_lambda(t)


class StepLR(LRScheduler):
    """Times gamma every ``step_size`` steps."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        _at_least_one(step_size=step_size)
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """Times gamma at each milestone."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """Times gamma every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma**t


class ConstantLR(LRScheduler):
    """Times ``factor`` for ``total_iters`` steps, then the full rate."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        _at_least_one(total_iters=total_iters)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * (self.factor if t < self.total_iters else 1.0)


class LinearLR(LRScheduler):
    """From start_factor to end_factor in a straight line over ``total_iters`` steps (warm-up)."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        _at_least_one(total_iters=total_iters)
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        part = min(t, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * part)


class PolynomialLR(LRScheduler):
    """(1 - t/total_iters)^power."""

    def __init__(self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0) -> None:
        _at_least_one(total_iters=total_iters)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        return base * float((1 - min(t, self.total_iters) / self.total_iters) ** self.power)


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the full rate to ``eta_min`` over ``T_max`` steps (Loshchilov & Hutter,
    2017)."""

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        _at_least_one(T_max=T_max)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        cosine = math.cos(math.pi * t / self.T_max)
        return self.eta_min + (base - self.eta_min) * (1 + cosine) / 2


class CosineAnnealingWarmRestarts(LRScheduler):
    """Cosines one after the other, each ``T_mult`` times as long as the last."""

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
    ) -> None:
        _at_least_one(T_0=T_0, T_mult=T_mult)
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        length = self.T_0
        while t >= length:
            t -= length
            length *= self.T_mult
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * t / length)) / 2


class OneCycleLR(LRScheduler):
    """Up from max_lr/div_factor to max_lr, then down to almost nothing (Smith & Topin, 2018).

    The length is in batches: step it after every batch, not every epoch.

    Args:
        total_steps: length of the cycle: epochs × batches per epoch. The ``step()`` after the last
            batch may follow, no further one.
        pct_start: share of the way up.
        anneal_strategy: ``"cos"`` or ``"linear"``.
    """

    per_batch = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f'anneal_strategy: got {anneal_strategy!r}, wanted "cos" or "linear"')
        _at_least_one(total_steps=total_steps)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start: got {pct_start}, wanted a share from 0 to 1")
        self.max_lr, self.total_steps, self.pct_start = max_lr, total_steps, pct_start
        self.anneal_strategy = anneal_strategy
        self.start_lr = max_lr / div_factor
        self.final_lr = self.start_lr / final_div_factor
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        if t > self.total_steps:
            raise ValueError(
                f"OneCycleLR: step {t} of {self.total_steps}; total_steps counts batches: "
                "epochs × batches per epoch"
            )
        peak, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if t <= peak and peak > 0:
            return self._between(self.start_lr, self.max_lr, t / peak)
        # one step past the last, after the last batch, the curve goes on as in PyTorch
        part = (t - peak) / (last - peak) if last > peak else 1.0
        return self._between(self.max_lr, self.final_lr, part)

    def _between(self, start: float, end: float, part: float) -> float:
        if self.anneal_strategy == "linear":
            return start + (end - start) * part
        return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


class SequentialLR(LRScheduler):
    """One schedule after the other, for example warm-up and then a cosine.

    Args:
        schedulers: the schedules, all on the same optimiser.
        milestones: the step at which each following one takes over, counting from 0 again.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]
    ) -> None:
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"milestones: got {len(milestones)}, wanted one fewer than the {len(schedulers)} "
                "schedulers"
            )
        if any(isinstance(s, ReduceLROnPlateau) for s in schedulers):
            raise ValueError(
                "SequentialLR: got a ReduceLROnPlateau, which needs a measure at each step; step "
                "it by itself"
            )
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, base: float, t: int) -> float:
        which = bisect_right(self.milestones, t)
        start = self.milestones[which - 1] if which else 0
        return self.schedulers[which].rate(base, t - start)

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": self.last_epoch}


class ReduceLROnPlateau:
    """Times ``factor`` when a measure has not improved for more than ``patience`` epochs.

    Call ``step(validation_loss)``.

    Args:
        mode: ``"min"`` if smaller is better, ``"max"`` if larger is.
        threshold: what counts as better, relative to the best so far.
        cooldown: epochs to wait after a reduction.
    """

    per_batch = False

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f'mode: got {mode!r}, wanted "min" or "max"')
        if not 0 <= factor < 1:
            raise ValueError(f"factor: got {factor}, wanted a number below 1")
        self.optimizer, self.mode, self.factor, self.patience = optimizer, mode, factor, patience
        self.threshold, self.cooldown, self.min_lr, self.eps = threshold, cooldown, min_lr, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.num_bad_epochs = self.cooldown_counter = self.last_epoch = 0

    def step(self, metrics: float) -> None:
        """One epoch further, with this measure."""
        value = float(metrics)
        self.last_epoch += 1
        bar = self.best * (1 - self.threshold if self.mode == "min" else 1 + self.threshold)
        if value < bar if self.mode == "min" else value > bar:
            self.best, self.num_bad_epochs = value, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            for group in self.optimizer.param_groups:
                lower = max(group["lr"] * self.factor, self.min_lr)
                if group["lr"] - lower > self.eps:
                    group["lr"] = lower
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0

    def get_last_lr(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]


__all__ = [
    "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
