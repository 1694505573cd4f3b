"""How much a late submission loses: ``grace=10m,per_day=10%,max=50%,cutoff=7d``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from aigc_course.errors import UserError

__all__ = ["LatePolicy"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAY = 86400.0
_EXAMPLE = "写成这样：--late grace=10m,per_day=10%,max=50%,cutoff=7d"


@dataclass(frozen=True)
class LatePolicy:
    """What lateness costs. The default costs nothing: late submissions are only marked as late.

    Attributes:
        grace: seconds after the due time that do not count.
        per_day: share lost for each day begun after the grace.
        max: the most that is lost before the cutoff.
        cutoff: seconds after the due time from which everything is lost; 0 for never.
    """

    grace: float = 0.0
    per_day: float = 0.0
    max: float = 1.0
    cutoff: float = 0.0

    @staticmethod
    def parse(text: str) -> LatePolicy:
        """Read the option.

        Raises:
            UserError: naming the part that is wrong.

        Example:
            >>> LatePolicy.parse("grace=10m,per_day=10%,max=50%,cutoff=7d")
            LatePolicy(grace=600.0, per_day=0.1, max=0.5, cutoff=604800.0)
        """
        values: dict[str, float] = {}
        for part in filter(None, (piece.strip() for piece in re.split("[,，]", text))):
            key, _, value = (word.strip() for word in part.partition("="))
            read = {"grace": _span, "cutoff": _span, "per_day": _share, "max": _share}.get(key)
            if read is None or key in values:
                raise UserError(f"--late 看不懂 {part}", _EXAMPLE)
            values[key] = read(value, part)
        policy = LatePolicy(**values)
        if policy.cutoff and policy.cutoff < policy.grace:
            raise UserError("--late 里 cutoff 比 grace 短", _EXAMPLE)
        return policy

    def late(self, seconds: float) -> float:
        """Seconds after the due time that count as late: 0 within the grace."""
        return seconds if seconds > self.grace else 0.0

    def penalty(self, seconds: float) -> float:
        """Share lost when handed in ``seconds`` after the due time.

        Example:
            >>> policy = LatePolicy.parse("grace=10m,per_day=10%,max=50%,cutoff=7d")
            >>> [policy.penalty(day * 86400) for day in (0, 1, 2, 6, 8)]
            [0.0, 0.1, 0.2, 0.5, 1.0]
        """
        if seconds <= self.grace:
            return 0.0
        if self.cutoff and seconds > self.cutoff:
            return 1.0
        days = math.ceil((seconds - self.grace) / _DAY)
        return min(self.max, round(days * self.per_day, 6))


def _span(text: str, part: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text, re.ASCII)
    if not found:
        raise UserError(f"--late 里 {part} 的时间看不懂", "时间写成 30s、10m、2h、7d、1w")
    return float(found[1]) * _UNITS[found[2]]


def _share(text: str, part: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text, re.ASCII)
    value = float(found[1]) / (100 if found[2] else 1) if found else math.inf
    if not 0 <= value <= 1:
        raise UserError(f"--late 里 {part} 的比例看不懂", "比例写成 10% 或 0.1，在 0 到 100% 之间")
    return value
