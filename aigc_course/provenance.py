"""Where a number comes from: kind of machine and versions, but never whose machine it was."""

from __future__ import annotations

import platform
import sys

import numpy as np

from aigc_course import __version__

__all__ = ["machine", "versions"]


def machine(device: str, threads: int) -> str:
    """What something ran on.

    Args:
        device: ``"cpu"``, ``"cuda"`` or ``"mps"``.
        threads: of NumPy and PyTorch on the CPU.

    Example:
        >>> machine("cpu", 1).endswith("，1 个线程")
        True
    """
    if device == "cpu":
        return f"CPU（{platform.machine()}），{threads} 个线程"
    if device.startswith("cuda"):
        import torch

        return str(torch.cuda.get_device_name())
    return device.upper()


def versions() -> dict[str, str]:
    """Versions of the course, Python, NumPy and, if it is loaded, PyTorch.

    Example:
        >>> list(versions())[:3]
        ['aigc_course', 'python', 'numpy']
    """
    found = {
        "aigc_course": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    if "torch" in sys.modules:
        found["torch"] = str(sys.modules["torch"].__version__)
    return found
