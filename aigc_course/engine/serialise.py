"""Weights in the safetensors format: a JSON header and raw little-endian numbers, no code.

Nothing in such a file can be executed, unlike a pickle. The format is read and written by the
safetensors library, loaded at the first use; here are what the engine stores and clear messages.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course.files import write_atomically

from .tensor import Tensor, result

DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16",
    "float32", "float64",
)  # fmt: skip


class SafetensorsError(ValueError):
    """A file that is not a sound safetensors file; the message says what is wrong."""


def save(
    state: Any, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors to a file, all or nothing: an interrupted write leaves the old file as it was.

    Args:
        state: a module (its ``state_dict`` is taken) or a mapping of name -> tensor or array.
        path: the file; its folder must exist.
        metadata: text -> text, stored in the header.

    Raises:
        TypeError: ``state`` or ``metadata`` holds something that the format does not have.
        FileNotFoundError: the folder does not exist.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> save({"w": Tensor([1.0, 2.0])}, Path(folder.name) / "w.safetensors")
        >>> load(Path(folder.name) / "w.safetensors")
        {'w': tensor([1., 2.])}
        >>> folder.cleanup()
    """
    import safetensors.numpy

    if hasattr(state, "state_dict"):
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(f"state: got {type(state).__name__}, wanted a module or a dict of tensors")
    if not all(isinstance(text, str) for pair in (metadata or {}).items() for text in pair):
        raise TypeError("metadata: wanted text -> text; convert numbers with str(...)")
    arrays: dict[str, np.ndarray] = {}
    for name, value in state.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise TypeError(f"state: got the name {name!r}, wanted text other than __metadata__")
        array = value._data if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.name not in DTYPES:
            raise TypeError(
                f"state[{name!r}]: got dtype {array.dtype}, wanted one of {', '.join(DTYPES)}"
            )
        # the library writes the memory as it lies there: a transposed array would come back wrong
        arrays[name] = np.require(array, requirements="C")
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {target.parent} does not exist; create it first")
    write_atomically(target, safetensors.numpy.save(arrays, dict(metadata) if metadata else None))


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read what :func:`save`, or any other writer of the format, has written: name -> tensor.

    Raises:
        FileNotFoundError: no such file.
        SafetensorsError: the file is damaged, cut off, or of another format.
        TypeError: it holds a dtype that NumPy does not have, such as BF16.
    """
    import safetensors.numpy

    file = Path(path)
    blob = file.read_bytes()
    try:
        arrays = safetensors.numpy.load(blob)
    except safetensors.SafetensorError as error:
        raise _damaged(file, blob, error) from None
    except KeyError as error:  # the library looks the dtype up in a table
        raise TypeError(
            f"{file.name}: holds a tensor of dtype {error.args[0]}, which NumPy does not have; "
            "convert it to F32 where it was made"
        ) from None
    # a copy: some versions of the library give memory that cannot be written to
    return {name: result(np.array(array)) for name, array in arrays.items()}


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text stored beside the tensors by ``save(..., metadata=...)``.

    Raises:
        FileNotFoundError, SafetensorsError: as :func:`load`.
    """
    import safetensors

    file = Path(path)
    try:
        with safetensors.safe_open(file, framework="numpy") as opened:
            return dict(opened.metadata() or {})
    except safetensors.SafetensorError as error:
        raise _damaged(file, file.read_bytes(), error) from None


def _damaged(file: Path, blob: bytes, error: Exception) -> SafetensorsError:
    """The error for a damaged file: in numbers where sizes say it, else in the library's words."""
    size = int.from_bytes(blob[:8], "little")  # of the header
    if len(blob) < 8:
        what = f"it has {len(blob)} bytes, the header's length alone takes 8"
    elif 8 + size > len(blob):
        what = f"the header should have {size} bytes, the file has {len(blob)} in all"
    elif "not fully covered" in str(error):  # then the header is sound
        header = json.loads(blob[8 : 8 + size])
        header.pop("__metadata__", None)
        wanted = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        what = f"its tensors take {wanted} bytes, {len(blob) - 8 - size} are there"
    else:
        what = str(error).removeprefix("Error while deserializing: ")
    return SafetensorsError(
        f"{file.name}: not a sound safetensors file: {what}. Save or download it again."
    )
