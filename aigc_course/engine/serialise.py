"""Weights in the safetensors format: a JSON header and raw little-endian numbers, no code.

Layout: 8 bytes with the header's length, the header (name -> dtype, shape, place), the data.
Nothing in such a file can be executed, unlike a pickle. Format: the safetensors project's README.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course.files import write_atomically

from .tensor import Tensor, result

_NAMES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16", "uint32": "U32",
    "int32": "I32", "uint64": "U64", "int64": "I64", "float16": "F16", "float32": "F32",
    "float64": "F64",
}  # fmt: skip
_DTYPES = {code: np.dtype(name) for name, code in _NAMES.items()}
_MAX_HEADER = 100_000_000  # bytes, the limit of the reference implementation


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

    Example:
        >>> folder = tempfile.TemporaryDirectory()
        >>> save({"w": Tensor([1.0, 2.0])}, Path(folder.name) / "w.safetensors")
        >>> load(Path(folder.name) / "w.safetensors")
        {'w': tensor([1., 2.])}
        >>> folder.cleanup()
    """
    if hasattr(state, "state_dict"):
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(f"state: got {type(state).__name__}, wanted a module or a dict of tensors")
    header: dict[str, Any] = {}
    if metadata:
        if not all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items()):
            raise TypeError("metadata: wanted text -> text; convert numbers with str(...)")
        header["__metadata__"] = dict(metadata)
    arrays: list[np.ndarray] = []
    start = 0
    for name, value in state.items():
        if not isinstance(name, str) or name == "__metadata__":
            raise TypeError(f"state: got the name {name!r}, wanted text other than __metadata__")
        array = value._data if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.name not in _NAMES:
            raise TypeError(
                f"state[{name!r}]: got dtype {array.dtype}, wanted one of {', '.join(_NAMES)}"
            )
        array = np.require(array, array.dtype.newbyteorder("<"), ["C_CONTIGUOUS"])
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [start, start + array.nbytes],
        }
        start += array.nbytes
        arrays.append(array)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # data starts at a multiple of 8

    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"path: the folder {target.parent} does not exist; create it first")
    head = [len(text).to_bytes(8, "little"), text]
    write_atomically(target, chain(head, (array.tobytes() for array in arrays)))


def _fail(path: Path, what: str) -> SafetensorsError:
    return SafetensorsError(
        f"{path.name}: not a sound safetensors file: {what}. Save or download it again."
    )


def _read_header(path: Path, blob: bytes) -> tuple[dict[str, Any], int]:
    if len(blob) < 8:
        raise _fail(path, f"it has {len(blob)} bytes, the header's length alone takes 8")
    size = int.from_bytes(blob[:8], "little")
    if size > _MAX_HEADER or 8 + size > len(blob):
        raise _fail(path, f"the header should have {size} bytes, the file has {len(blob)} in all")
    try:
        header = json.loads(blob[8 : 8 + size].decode("utf-8"))
    except ValueError:
        raise _fail(path, "the header is not JSON text") from None
    if not isinstance(header, dict):
        raise _fail(path, "the header is not a JSON object")
    return header, 8 + size


def load(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read all tensors of a file: name -> tensor.

    Raises:
        FileNotFoundError: no such file.
        SafetensorsError: the file is damaged, cut off, or of another format.
        TypeError: it holds a dtype that NumPy does not have, such as BF16.
    """
    file = Path(path)
    blob = file.read_bytes()
    header, start = _read_header(file, blob)
    header.pop("__metadata__", None)
    state: dict[str, Tensor] = {}
    reached = 0
    for name, entry in sorted(header.items(), key=_offset_of(file)):
        code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        if code not in _DTYPES:
            raise TypeError(
                f"{file.name}: tensor {name!r} has dtype {code}, which NumPy does not have; "
                "convert it to F32 where it was made"
            )
        dtype = _DTYPES[code]
        count = 1
        for n in shape:
            count *= n
        if begin != reached or end - begin != count * dtype.itemsize or start + end > len(blob):
            raise _fail(
                file,
                f"tensor {name!r} of shape {tuple(shape)} should lie at bytes {begin} to {end} of "
                f"{len(blob) - start}, after {reached}",
            )
        reached = end
        raw = np.frombuffer(blob, dtype.newbyteorder("<"), count, start + begin)
        state[name] = result(raw.astype(dtype).reshape(shape))
    if start + reached != len(blob):
        raise _fail(file, f"{len(blob) - start - reached} bytes after the last tensor")
    return {name: state[name] for name in header}


def _offset_of(path: Path) -> Any:
    def key(item: tuple[str, Any]) -> tuple[int, int]:
        name, entry = item
        try:
            begin, end = entry["data_offsets"]
            if not isinstance(entry["dtype"], str):
                raise TypeError
            if not all(isinstance(n, int) and n >= 0 for n in (begin, end, *entry["shape"])):
                raise TypeError
            return begin, end
        except (KeyError, TypeError, ValueError):
            raise _fail(path, f"the entry of tensor {name!r} is incomplete") from None

    return key


def load_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The text stored beside the tensors by ``save(..., metadata=...)``."""
    file = Path(path)
    header, _ = _read_header(file, file.read_bytes())
    return dict(header.get("__metadata__", {}))
