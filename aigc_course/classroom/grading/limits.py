"""The option ``--limits "seconds=5,memory_mib=512,03.5.seconds=20"``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from aigc_course.classroom.sandbox.limits import Limits
from aigc_course.errors import UserError

__all__ = ["LimitOptions"]

_EXAMPLE = '写成这样：--limits "seconds=5,memory_mib=512,03.5.seconds=20"'


@dataclass(frozen=True)
class LimitOptions:
    """Limits for every exercise, and other ones for some.

    Attributes:
        common: by field of :class:`Limits`; what is not named keeps its default.
        special: the same, by exercise.
    """

    common: Mapping[str, float] = field(default_factory=dict)
    special: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @staticmethod
    def parse(text: str) -> LimitOptions:
        """Read the option.

        Raises:
            UserError: naming the part that is wrong.

        Example:
            >>> options = LimitOptions.parse("seconds=5,03.5.seconds=20")
            >>> options.of("03.1").seconds, options.of("03.5").seconds
            (5.0, 20.0)
        """
        known = {item.name for item in fields(Limits)}
        common: dict[str, float] = {}
        special: dict[str, dict[str, float]] = {}
        for part in filter(None, (piece.strip() for piece in re.split("[,，]", text))):
            found = re.fullmatch(
                r"(?:(\d\d\.\d+)\.)?(\w+)\s*=\s*(\d+(?:\.\d+)?)", part, flags=re.ASCII
            )
            if not found or float(found[3]) <= 0:
                raise UserError(f"--limits 看不懂 {part}", _EXAMPLE)
            exercise, name, value = found[1], found[2], float(found[3])
            if name not in known:
                raise UserError(f"--limits 里没有 {name}", f"有：{'、'.join(sorted(known))}")
            if exercise and name == "total_seconds":
                raise UserError("total_seconds 管整份作业，不分练习", _EXAMPLE)
            (special.setdefault(exercise, {}) if exercise else common)[name] = value
        return LimitOptions(common, special)

    def of(self, exercise: str, default_seconds: float | None = None) -> Limits:
        """The limits of one exercise.

        Args:
            exercise: its id.
            default_seconds: what its author thought enough, where nothing was asked for.
        """
        values = {**self.common, **self.special.get(exercise, {})}
        if default_seconds is not None:
            values.setdefault("seconds", default_seconds)
        whole = {item.name for item in fields(Limits) if isinstance(item.default, int)}
        return replace(
            Limits(),
            **{k: int(v) if k in whole else v for k, v in values.items()},  # type: ignore[arg-type]
        )

    @property
    def total_seconds(self) -> float:
        """For a whole submission."""
        return self.of("").total_seconds

    def text(self) -> str:
        """The same options always give the same text."""
        special = {key: dict(value) for key, value in self.special.items()}
        return json.dumps([dict(self.common), special], sort_keys=True)
