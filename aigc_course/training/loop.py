"""The training loop: from a model, its data and a loss to trained weights, stopped or not.

>>> import tempfile
>>> from torch.nn import functional as F
>>> from torch.utils.data import TensorDataset
>>> _ = torch.manual_seed(0)
>>> x = torch.randn(64, 2)
>>> data = TensorDataset(x, (x[:, 0] > 0).long())
>>> model = nn.Linear(2, 2)
>>> with tempfile.TemporaryDirectory() as folder:
...     trainer = Trainer(
...         model,
...         torch.optim.SGD(model.parameters(), lr=1.0),
...         data,
...         lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
...         TrainConfig(steps=40, batch_size=16),
...         folder,
...         device="cpu",
...     )
...     result = trainer.run()
>>> result.ended, result.steps, (model(x).argmax(1) == data[:][1]).float().mean() > 0.9
('finished', 40, tensor(True))

One step is :meth:`Trainer.step`, the order of things around it :meth:`Trainer.run`. Everything that
is stored sits at the border between two steps. So a run that was killed, and goes on from what was
stored, does the same arithmetic in the same order as one that was not: on a CPU, with as many
threads, its weights are the same bit for bit.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor, nn

from aigc_course import runtime
from aigc_course.errors import UserError, from_os_error
from aigc_course.files import write_atomically
from aigc_course.training import checkpoint
from aigc_course.training.batches import Batches, Rows
from aigc_course.training.recipe import Progress
from aigc_course.training.schedule import warmup_cosine
from aigc_course.training.state import save_weights

__all__ = ["TrainConfig", "TrainResult", "Trainer", "device_and_dtype", "read_log"]

Precision = Literal["auto", "float32", "bfloat16", "float16"]
Ended = Literal["", "finished", "stopped early", "interrupted"]
BEST, LOG = "best.safetensors", "log.jsonl"


class Data(Protocol):
    """Rows that can be had several at a time, as from a ``torch.utils.data.TensorDataset``."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: Rows, /) -> Any: ...


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The learning rate and all that is the optimiser's own is told to it.

    Attributes:
        steps: how often the weights are changed.
        batch_size: B, rows behind one change.
        accumulate: into how many parts a batch is cut to save memory; the gradients are added up.
            For a loss that is a mean over rows the sum is that of the whole batch.
        warmup, final_lr: see :func:`~aigc_course.training.schedule.warmup_cosine`.
        clip: largest length of all gradients together (Pascanu et al., 2013); None: any.
        evaluate_every, save_every, log_every: steps between two of these; all are done after the
            last step too. What a kill can cost is the steps since the last save.
        watch, better: the measure by which the best weights are chosen, and which way is better.
        patience: evaluations without a better one after which training ends; None: never.
        precision: of the arithmetic inside the model; ``"auto"`` as :func:`device_and_dtype`.
        seed: of the order of the rows.
    """

    steps: int
    batch_size: int = 32
    accumulate: int = 1
    warmup: int = 0
    final_lr: float = 0.0
    clip: float | None = 1.0
    evaluate_every: int = 100
    save_every: int = 100
    log_every: int = 10
    watch: str = "loss"
    better: Literal["smaller", "larger"] = "smaller"
    patience: int | None = None
    precision: Precision = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "accumulate", "evaluate_every", "save_every", "log_every")
        for name in (*counts, "patience"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: got {value}, wanted at least 1")
        if self.clip is not None and not self.clip > 0:
            raise ValueError(f"clip: got {self.clip}, wanted more than 0, or None for no clipping")
        if self.better not in ("smaller", "larger"):
            raise ValueError(f'better: got {self.better!r}, wanted "smaller" or "larger"')
        warmup_cosine(0, self.steps, self.warmup, self.final_lr)  # says what is wrong with them


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
        steps: done, those before a stop included.
        ended: ``"finished"``, ``"stopped early"`` or ``"interrupted"``.
        best: the best value of the watched measure; None without an evaluation.
        best_step: the step after which it was measured.
        best_weights: the file that holds the weights of that step; for
            :func:`~aigc_course.training.checkpoint.load_weights`.
        log: the records of the log, see :func:`read_log`.
    """

    steps: int
    ended: Ended
    best: float | None
    best_step: int | None
    best_weights: Path | None
    log: list[dict[str, Any]]


def device_and_dtype(
    device: str | torch.device | None = None, precision: Precision = "auto"
) -> tuple[torch.device, torch.dtype]:
    """Where to compute, and how exactly: the one place where both are decided.

    Args:
        device: :func:`aigc_course.runtime.device` where it is not given.
        precision: ``"auto"`` is bfloat16 on a CUDA card that has it, float16 on an older one and
            float32 elsewhere. The weights are float32 in any case (mixed precision: Micikevicius
            et al., 2018).

    Example:
        >>> device_and_dtype("cpu")
        (device(type='cpu'), torch.float32)
    """
    where = runtime.device() if device is None else torch.device(device)
    if precision == "auto":
        if where.type != "cuda":
            return where, torch.float32
        has = torch.cuda.is_bf16_supported(including_emulation=False)  # emulated, it is slow
        return where, torch.bfloat16 if has else torch.float16
    dtypes = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if precision not in dtypes:
        raise ValueError(f"precision: got {precision!r}, wanted one of auto, {', '.join(dtypes)}")
    return where, dtypes[precision]


class Trainer:
    """One model, its data and its folder; :meth:`run` trains, or takes up what was stopped.

    Args:
        model: any module, on any device.
        optimizer: of ``model.parameters()``, with the highest learning rate of each group.
        data: rows that can be had several at a time: ``data[rows]`` with rows (B,) int64 gives a
            batch, a tensor or a tuple, list or dictionary of what is one.
        loss: of (model, batch), the mean over the batch's rows as a tensor of no dimension.
        config: how to train.
        folder: where the run is kept; made if need be. It holds ``last.json`` and its files (see
            :mod:`~aigc_course.training.checkpoint`), ``best.safetensors`` and ``log.jsonl``.
        evaluate: of the model, measures by name; called with the model in evaluation mode and
            without gradients; what it draws from global sources of randomness changes nothing in
            the training. Without it there are no best weights and no early stopping.
        generators: own sources of randomness that ``data``, ``loss`` or ``evaluate`` draw from;
            their states are stored too. Global ones always are.
        device: see :func:`device_and_dtype`.

    Raises:
        ValueError: no rows, ``patience`` without ``evaluate``, or an optimiser of parameters that
            are not the model's.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        data: Data,
        loss: Callable[[nn.Module, Any], Tensor],
        config: TrainConfig,
        folder: str | Path,
        *,
        evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None,
        generators: Mapping[str, checkpoint.Generator] | None = None,
        device: str | torch.device | None = None,
    ) -> None:
        if config.patience is not None and evaluate is None:
            raise ValueError("patience: needs evaluate=… to know when to stop")
        own = set(map(id, model.parameters()))
        if any(id(p) not in own for group in optimizer.param_groups for p in group["params"]):
            raise ValueError(
                "optimizer: holds parameters that are not this model's; they would be trained in "
                "its place and not stored: make a new one of model.parameters()"
            )
        self.model, self.optimizer, self.data, self.loss = model, optimizer, data, loss
        self.config, self.folder, self.evaluation = config, Path(folder), evaluate
        self.generators = dict(generators or {})
        self.device, self.dtype = device_and_dtype(device, config.precision)
        # float16 has no numbers below 6e-8: gradients are scaled up before, and down after
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype == torch.float16)
        self.batches = Batches(len(data), config.batch_size, config.seed)
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.settings = self._settings()
        self.done = 0  # steps
        self.saved: int | None = None  # the step of the checkpoint on disk
        self.ended: Ended = ""
        self.best: float | None = None
        self.best_step: int | None = None
        self.seconds = 0.0  # before this process
        self.loss_sum = torch.zeros((), device=self.device)  # of the steps since the last record
        self.norm = torch.zeros((), device=self.device)  # of the last gradient, before clipping
        self.summed = 0

    # --- the loop ------------------------------------------------------------------------------

    def run(self, progress: Progress = runtime.progress) -> TrainResult:
        """Train to the end, from where the folder's run was stopped if it was.

        Ctrl-C (the stop button) ends training after the step that is going on, stores it and
        returns as usual; a second one does not wait for the step. The model stays.

        Raises:
            UserError: another run is going on in the folder, or has left there what does not fit
                this one; the folder cannot be written; the loss is no number any more.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".lock", timeout=0):
                try:
                    with _ctrl_c_waits() as asked_to_stop:
                        self._train(progress, asked_to_stop)
                except KeyboardInterrupt:
                    self.ended = "interrupted"
                    print(self._told_of_interrupt())
                log = read_log(self.folder / LOG)
        except Timeout:
            raise UserError(f"{self.folder} 里的训练正在进行", "等它结束，或换一个文件夹") from None
        except OSError as error:  # a file of the data says its own name
            named = error.filename if isinstance(error.filename, str) else self.folder
            raise from_os_error(error, named) from error
        best = None if self.best_step is None else self.folder / BEST
        return TrainResult(self.done, self.ended, self.best, self.best_step, best, log)

    def _train(self, progress: Progress, asked_to_stop: threading.Event) -> None:
        c = self.config
        self.begun = time.perf_counter()
        self.model.to(self.device).train()
        self._take_up()
        for _ in progress(range(self.done, c.steps if not self.ended else self.done), "训练"):
            self.step()
            if self._due(c.log_every):
                self._record_loss()
            if self.evaluation is not None and self._due(c.evaluate_every):
                self._evaluate()
            if self.done == c.steps and not self.ended:
                self.ended = "finished"
            if self._due(c.save_every) or self.ended or asked_to_stop.is_set():
                self._save()
            if self.ended:
                break
            if asked_to_stop.is_set():
                raise KeyboardInterrupt

    def step(self) -> None:
        """Change the weights once."""
        c = self.config
        rows = next(self.batches)  # (B,)
        self.model.zero_grad()  # of all that is clipped, whether the optimiser has it or not
        for part in np.array_split(rows, min(c.accumulate, len(rows))):
            batch = _moved(self.data[part], self.device)
            with self._precision():
                loss = self.loss(self.model, batch)
            if loss.shape != ():
                raise ValueError(
                    f"loss: got a tensor of shape {tuple(loss.shape)}, wanted one number, the mean "
                    "over the rows"
                )
            loss = loss * (len(part) / len(rows))  # means of the parts add up to that of the batch
            self.scaler.scale(loss).backward()
            self.loss_sum += loss.detach()
        self.scaler.unscale_(self.optimizer)
        longest = math.inf if c.clip is None else c.clip
        self.norm = nn.utils.clip_grad_norm_(self.model.parameters(), longest)
        factor = warmup_cosine(self.done, c.steps, c.warmup, c.final_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = group["initial_lr"] * factor
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.done += 1
        self.summed += 1

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.config.steps

    def _precision(self) -> AbstractContextManager[Any]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _evaluate(self) -> None:
        assert self.evaluation is not None
        self._check_loss()  # ruined weights must not become the best ones
        modes = [(module, module.training) for module in self.model.modules()]
        before = checkpoint.random_states({}, self.device.type)
        self.model.eval()
        try:
            with torch.no_grad(), self._precision():
                measured = {k: float(v) for k, v in self.evaluation(self.model).items()}
        finally:
            for module, mode in modes:
                module.training = mode
            checkpoint.set_random_states(before, {})
        c = self.config
        if c.watch not in measured:
            raise ValueError(
                f"watch: got {c.watch!r}, wanted a measure of evaluate: {', '.join(measured)}"
            )
        self._append({f"val_{name}": value for name, value in measured.items()})
        value = measured[c.watch]
        ahead = self.best is None or (
            value < self.best if c.better == "smaller" else value > self.best
        )
        if ahead and not math.isnan(value):
            self.best, self.best_step = value, self.done
            save_weights(self.folder / BEST, self.model.state_dict())
        elif c.patience is not None:
            without = (self.done - (self.best_step or 0)) / c.evaluate_every
            if without >= c.patience:
                self.ended = "stopped early"

    # --- what is on disk -----------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        """What must be the same when a stopped run goes on."""
        groups = [
            {k: v for k, v in group.items() if k not in ("params", "lr")}
            for group in self.optimizer.param_groups
        ]
        config = getattr(self.model, "config", None)
        known = is_dataclass(config) and not isinstance(config, type)
        settings = {
            "train": asdict(self.config) | {"precision": str(self.dtype)},
            "model": asdict(config) if known else type(self.model).__name__,  # type: ignore[arg-type]
            "optimizer": {"kind": type(self.optimizer).__name__, "groups": groups},
            "rows": len(self.data),
            "generators": sorted(self.generators),
        }
        found: dict[str, Any] = json.loads(json.dumps(settings, default=str))
        return found

    def _save(self) -> None:
        if self.saved == self.done:  # the pair in use is never overwritten
            return
        self._check_loss()
        state = {
            "done": self.done,
            "ended": self.ended,
            "place": self.batches.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": checkpoint.random_states(self.generators, self.device.type),
            "best": self.best,
            "best_step": self.best_step,
            "loss_sum": self.loss_sum,
            "summed": self.summed,
            "seconds": self._clock(),
            "threads": torch.get_num_threads(),
        }
        checkpoint.save(
            self.folder,
            self.done,
            self.model.state_dict(),
            state,
            self.settings,
            self.device.type,
        )
        self.saved = self.done

    def _take_up(self) -> None:
        """Go to where the folder's run was stopped; at the very beginning, store that."""
        stored = checkpoint.load(self.folder, self.settings, self.device.type)
        if stored is None:
            if self.done:
                raise UserError(
                    f"{self.folder} 里的检查点不见了，这个 Trainer 已经训练了 {self.done} 步",
                    "把文件夹放回来接着训练，或重新建模型、优化器和 Trainer 从头来",
                )
            self.ended = ""
            write_atomically(self.folder / LOG, "")
            self._save()  # also the first weights and random states come back, seeded or not
            return
        weights, state = stored
        checkpoint.put_weights(self.model, weights, self.folder / checkpoint.POINTER)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        self.batches.load_state_dict(state["place"])
        checkpoint.set_random_states(state["random"], self.generators)
        if state["threads"] != torch.get_num_threads():
            runtime.limit_threads(state["threads"])  # other sums, other last digits
        self.done = self.saved = state["done"]
        self.ended, self.seconds = state["ended"], state["seconds"]
        self.best, self.best_step = state["best"], state["best_step"]
        self.loss_sum, self.summed = state["loss_sum"].to(self.device), state["summed"]
        # records of steps that were done but not stored: they will be written again
        kept = [one for one in read_log(self.folder / LOG) if one["step"] <= self.done]
        write_atomically(self.folder / LOG, "".join(map(_line, kept)))

    def _clock(self) -> float:
        return self.seconds + time.perf_counter() - self.begun

    def _record_loss(self) -> None:
        self._check_loss()
        self._append(
            {
                "loss": self.loss_sum.item() / self.summed,
                "lr": self.optimizer.param_groups[0]["lr"],
                "grad_norm": self.norm.item(),
                "seconds": round(self._clock(), 3),
            }
        )
        self.loss_sum.zero_()
        self.summed = 0

    def _check_loss(self) -> None:
        """Whether the weights are ruined: by this step's gradient, or by an earlier one's, which
        shows in the loss. Asked before a record, an evaluation and a save: asking at each step
        would hold up a GPU.
        """
        what, value = "损失", self.loss_sum.item()
        if math.isfinite(value) and not self.scaler.is_enabled():  # float16 leaves such steps out
            what, value = "梯度", self.norm.item()
        if not math.isfinite(value):
            raise UserError(
                f"到第 {self.done} 步，{what}成了 {value}",
                "学习率除以 10、加 warmup 或把 clip 设小，换一个文件夹重来；"
                f"{self.folder} 里第 {self.saved} 步的检查点没有动",
            )

    def _append(self, record: dict[str, Any]) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8", newline="\n") as file:
            file.write(_line({"step": self.done, "epoch": self.batches.epoch} | record))

    def _told_of_interrupt(self) -> str:
        if self.saved is None:
            return "训练被中断：一步也没有做，模型没有变。"
        said = f"训练被中断：完成了 {self.done} 步，模型保留。"
        return f"{said}再运行一次就从第 {self.saved} 步接着训练（{self.folder}）。"


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a JSON-lines log: ``step``, ``epoch`` and loss, or measures as ``val_…``.

    A last line that was cut off by a kill is left out.

    Raises:
        UserError: another line is no record; the file is left as it is.
    """
    if not path.exists():
        return []
    *lines, _cut = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records = []
    for number, line in enumerate(lines, 1):
        try:
            records.append(json.loads(line))
        except ValueError:
            raise UserError(
                f"{path} 的第 {number} 行不是一条记录", "删去这一行再来；检查点不受影响"
            ) from None
    return records


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _moved(batch: Any, device: torch.device) -> Any:
    """``batch`` with all its tensors on ``device``."""
    if hasattr(batch, "to"):  # a tensor, a packed sequence
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {key: _moved(value, device) for key, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):  # a named one
        return type(batch)(*(_moved(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(_moved(value, device) for value in batch)
    return batch


@contextmanager
def _ctrl_c_waits() -> Iterator[threading.Event]:
    """Inside, the first Ctrl-C only sets the event: half an optimiser's step is no model.

    The second one is a KeyboardInterrupt at once. Where the signal is not ours to catch (another
    thread, a program that ignores it) nothing is changed.
    """
    asked = threading.Event()
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield asked
        return

    def note(signum: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
