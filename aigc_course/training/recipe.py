"""What a recipe is, what it is given and what it gives back; and finding one by its name."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from safetensors import SafetensorError

from aigc_course.errors import UserError
from aigc_course.training import recipes
from aigc_course.training.state import load_state, save_state

__all__ = ["STATE", "Outcome", "Progress", "Recipe", "RunFolder", "find", "names"]

STATE = "state.safetensors"


class Progress(Protocol):
    """:func:`aigc_course.runtime.progress`, or what does the same."""

    def __call__(
        self, iterable: Iterable[Any], desc: str = "", total: int | None = None
    ) -> Iterator[Any]: ...


class Recipe(Protocol):
    """A module of :mod:`aigc_course.training.recipes`."""

    TITLE: str
    ABOUT: str
    DATA: tuple[str, ...]
    PRESETS: Mapping[str, Any]
    run: Callable[[Any, RunFolder, str, Progress], Outcome]


@dataclass(frozen=True)
class Outcome:
    """What a recipe made.

    Attributes:
        weights: the model's ``state_dict()``: name -> array or tensor.
        metrics: measured at the end, by name, such as ``test_accuracy``.
        sample: a few lines that show what the model does, in Chinese.
    """

    weights: Mapping[str, Any]
    metrics: Mapping[str, float]
    sample: str


@dataclass
class RunFolder:
    """Where one training run keeps its state; :meth:`save` and :meth:`load` are all it takes.

    Attributes:
        path: the folder; a recipe may write files of its own (a log) beside the state.
        seconds: spent on the run up to the last :meth:`save`, stopped and taken up again or not.
    """

    path: Path
    seconds: float = 0.0
    _since: float = field(default_factory=time.perf_counter)

    def stop_clock(self) -> float:
        """The seconds spent on the run until now."""
        now = time.perf_counter()
        self.seconds, self._since = self.seconds + now - self._since, now
        return self.seconds

    def save(self, **state: Any) -> None:
        """Store what is needed to go on from here, in place of what was stored before.

        See :mod:`aigc_course.training.state` for what a state may hold.
        """
        save_state(self.path / STATE, {"seconds": self.stop_clock(), "state": state})

    def load(self) -> dict[str, Any] | None:
        """What :meth:`save` stored last; None at the beginning of a run.

        Raises:
            UserError: the file is cut or is none of a run's.
        """
        path = self.path / STATE
        if not path.exists():
            return None
        try:
            stored = load_state(path)
            self.seconds, state = stored["seconds"], dict(stored["state"])
        except (SafetensorError, ValueError, KeyError, TypeError):
            raise UserError(
                f"{path} 不是完整的检查点", "从备份换回这个文件；没有备份就从头来：加 --restart"
            ) from None
        return state


def names() -> list[str]:
    """All recipes.

    Example:
        >>> "mlp" in names()
        True
    """
    return [module.name for module in pkgutil.iter_modules(recipes.__path__)]


def find(name: str) -> Recipe:
    """The recipe called ``name``.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in names():
        raise UserError(f"没有叫 {name} 的训练", f"现有：{'、'.join(names())}")
    recipe: Any = import_module(f"{recipes.__name__}.{name}")
    found: Recipe = recipe
    return found
