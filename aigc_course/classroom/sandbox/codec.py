"""How values cross between the judge and an answer's process: plain data, nothing executable.

A message is a tree of msgpack values. Numbers, strings and ``None`` stand for themselves;
everything else is a list that begins with one of the tags below. Objects that have no plain form
stay where they are and cross as a number (``OBJECT``); the same number sent back (``YOURS``) means
that object. Objects of a class that both sides know can also be copied (``COPY``): each of those
that hang together crosses with a number, under which the copy means the original.

Decoding trusts nothing: depth, number of items, dtypes, shapes and lengths are checked before
memory is taken, and nothing here can run code that came with the data.
"""

from __future__ import annotations

import math
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from types import GeneratorType
from typing import Any, Literal

import msgpack  # type: ignore[import-untyped]
import numpy as np

LIST, TUPLE, DICT, SET, FROZENSET = "l", "t", "d", "s", "f"
ARRAY, SCALAR, OBJECTS, TENSOR, DTYPE = "a", "n", "o", "T", "D"
COMPLEX, BIG, SLICE, ELLIPSIS, RANDOM = "c", "i", "/", "...", "r"
OBJECT, YOURS, COPY = "O", "M", "C"

MAX_DEPTH = 40
MAX_ITEMS = 2_000_000
MAX_DRAIN = 200_000  # items taken from a generator
_DTYPE = re.compile(r"[<>|=]?(?:[biufc](?:1|2|4|8|16|32)|[SU]\d{1,5}|[Mm]8\[\w{1,4}\])\Z")
_BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
_OBJECT_COSTS = 40  # a proxy takes as much memory as so many plain items


class Malformed(ValueError):
    """A message that no honest process sends."""


class Unsendable(TypeError):
    """A value that has no plain form and may not be handed out as an object."""


def pack(tree: Any) -> bytes:
    """A tree made by :func:`encode` as bytes."""
    return bytes(msgpack.packb(tree, use_bin_type=True, unicode_errors="surrogatepass"))


def unpack(data: bytes, text_errors: str = "surrogatepass") -> Any:
    """The inverse of :func:`pack`; raises Malformed.

    Args:
        text_errors: ``"replace"`` where no half of a surrogate pair may come in.
    """
    _measure(data)
    try:
        return msgpack.unpackb(
            data, raw=False, use_list=True, strict_map_key=True, unicode_errors=text_errors
        )
    except Exception as error:  # msgpack has no common base for its errors
        raise Malformed(f"not a message: {type(error).__name__}") from None


def _sizes() -> list[tuple[str, int]]:
    """By the first byte of a msgpack item: its kind, and how many bytes follow or say how many."""
    kinds = [("fixed", 0)] * 128 + [("never", 0)] * 16
    kinds += [("array", n) for n in range(16)] + [("fixed", n) for n in range(32)]
    kinds += [("never", 0)] * 32 + [("fixed", 0)] * 32
    kinds[0xC0] = kinds[0xC2] = kinds[0xC3] = ("fixed", 0)
    for first in (0xC4, 0xD9):  # bytes and text, with a length of 1, 2, 4 bytes
        for k in range(3):
            kinds[first + k] = ("long", 1 << k)
    for first, sizes in ((0xCA, (4, 8)), (0xCC, (1, 2, 4, 8)), (0xD0, (1, 2, 4, 8))):
        for k, size in enumerate(sizes):
            kinds[first + k] = ("fixed", size)
    kinds[0xDC], kinds[0xDD] = ("arrays", 2), ("arrays", 4)
    return kinds


_KINDS = _sizes()


def _measure(data: bytes) -> None:
    """Look through a message before it becomes objects: headers may promise anything.

    A byte can become an empty list of 56, and five bytes a list with room for millions.
    """
    at, end, budget = 0, len(data), MAX_ITEMS
    missing = [1]  # items still to come, on each level
    while missing:
        if missing[-1] == 0:
            missing.pop()
            continue
        missing[-1] -= 1
        if at >= end:
            raise Malformed("not a message: it ends too early")
        kind, size = _KINDS[data[at]]
        at += 1
        if kind == "fixed":
            at += size
            continue
        if kind == "never":
            raise Malformed("not a message: a kind that may not cross")
        if kind == "long":
            at += size + int.from_bytes(data[at : at + size], "big")
            continue
        count = size
        if kind == "arrays":
            count = int.from_bytes(data[at : at + size], "big")
            at += size
        budget -= count
        if budget < 0 or count > end - at or len(missing) > 3 * MAX_DEPTH:
            raise Malformed("not a message: too many values, or nested too deep")
        missing.append(count)
    if at != end:
        raise Malformed("not a message: too long or too short")


class Coder:
    """Turns values into trees and back. Objects cross where a subclass says how.

    Example:
        >>> plain = Coder()
        >>> plain.decode(unpack(pack(plain.encode({"w": (1, 2.5), "b": np.ones(2)}))))
        {'w': (1, 2.5), 'b': array([1., 1.])}
    """

    _budget = MAX_ITEMS  # values that may still come in the message being decoded

    # --- objects -----------------------------------------------------------------------------

    def export(self, value: Any) -> tuple[int, Any]:
        """The number under which an object stays here, and what is told of it.

        Raises:
            Unsendable: it may not be handed out.
        """
        raise Unsendable(f"a {type(value).__name__} has no plain form")

    def resolve(self, number: int) -> Any:
        """The object handed out under ``number``; raises Malformed."""
        raise Malformed("an object that was never handed out")

    def proxy(self, number: int, about: Any) -> Any:
        """A proxy for the object that the other side has exported; raises Malformed."""
        raise Malformed("an object where none is wanted")

    def number_of(self, value: Any) -> int | None:
        """The other side's number of a proxy or copy; None for anything else."""
        return None

    def copy(self, value: Any) -> tuple[str, list[int], Any] | None:
        """Class, numbers and description of an object that crosses as a copy; else None."""
        return None

    def paste(self, name: str, numbers: list[int], description: Any) -> Any:
        """The copy that the other side's :meth:`copy` describes; raises Malformed."""
        raise Malformed("a copy where none is wanted")

    # --- out -------------------------------------------------------------------------------

    def encode(self, value: Any, depth: int = 0) -> Any:
        """``value`` as a tree; raises Unsendable."""
        kind = type(value)
        if value is None or kind is bool or kind is str or kind is float or kind is bytes:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**64 else [BIG, hex(value)[:5000]]
        if depth > MAX_DEPTH:
            raise Unsendable(f"nested deeper than {MAX_DEPTH}")
        number = self.number_of(value)
        if number is not None:
            return [YOURS, number]
        copy = self.copy(value)
        if copy is not None:
            name, numbers, description = copy
            return [COPY, name, numbers, self.encode(description, depth + 1)]
        if isinstance(value, np.generic):
            return [SCALAR, _sendable(value.dtype), np.asarray(value).tobytes()]
        if isinstance(value, np.ndarray):
            array = np.asarray(value)
            if array.dtype.kind == "O":
                return [OBJECTS, list(array.shape), *self._each(array.ravel().tolist(), depth)]
            # a transpose stays one: what ravel gives of it is a copy
            order: Literal["C", "F"] = "F" if array.flags.fnc else "C"
            data = array.tobytes(order)
            return [ARRAY, _sendable(array.dtype), list(array.shape), data, order]
        if isinstance(value, tuple):
            return [TUPLE, *self._each(tuple.__iter__(value), depth)]
        if isinstance(value, list):
            return [LIST, *self._each(list.__iter__(value), depth)]
        if isinstance(value, dict):
            return [DICT, *self._each(chain.from_iterable(dict.items(value)), depth)]
        if kind in (set, frozenset):
            return [SET if kind is set else FROZENSET, *self._each(value, depth)]
        if isinstance(value, np.random.Generator):
            return [RANDOM, self.encode(value.bit_generator.state, depth + 1)]
        if isinstance(value, bool | int | float | complex | str):  # an instance of a subclass
            return self._encode_plain_base(value)
        if kind is slice:
            return [SLICE, *self._each((value.start, value.stop, value.step), depth)]
        if value is Ellipsis:
            return [ELLIPSIS]
        if isinstance(value, np.dtype):
            return [DTYPE, value.str]
        if isinstance(value, _DRAINED):
            return [LIST, *self._each(islice(value, MAX_DRAIN), depth)]
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._encode_tensor(value, torch)
        return [OBJECT, *self.export(value)]

    def _each(self, values: Iterable[Any], depth: int) -> Iterator[Any]:
        return (self.encode(value, depth + 1) for value in values)

    def _encode_plain_base(self, value: Any) -> Any:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return [COMPLEX, value.real, value.imag]
        if isinstance(value, float):
            return float.__add__(value, 0.0)
        return self.encode(int.__add__(value, 0))

    def _encode_tensor(self, value: Any, torch: Any) -> Any:
        wants = bool(value.requires_grad)
        name = str(value.dtype).removeprefix("torch.")
        still = value.detach().cpu()
        if name == "bfloat16":  # NumPy has no such type
            still = still.to(torch.float32)
        array = still.numpy()
        return [TENSOR, name, wants, array.dtype.str, list(array.shape), array.tobytes()]

    # --- in --------------------------------------------------------------------------------

    def decode(self, tree: Any) -> Any:
        """The value of a tree; raises Malformed for anything :func:`encode` cannot have made."""
        self._budget = MAX_ITEMS
        return self._decode(tree, 0)

    def _decode(self, tree: Any, depth: int) -> Any:
        kind = type(tree)
        if tree is None or kind in (bool, int, float, str, bytes):
            return tree
        if kind is not list or not tree or type(tree[0]) is not str:
            raise Malformed("a value without a tag")
        if depth > MAX_DEPTH + 2:
            raise Malformed("nested too deep")
        self._budget -= len(tree)
        if self._budget < 0:
            raise Malformed(f"more than {MAX_ITEMS} values")
        tag, rest = tree[0], tree[1:]
        decoder = _DECODERS.get(tag)
        if decoder is None:
            raise Malformed(f"unknown tag {tag[:20]!r}")
        try:
            return decoder(self, rest, depth)
        except Malformed:
            raise
        except Exception as error:  # whatever NumPy or PyTorch make of nonsense
            raise Malformed(f"bad {tag!r}: {type(error).__name__}") from None

    def _items(self, rest: list[Any], depth: int) -> Iterator[Any]:
        return (self._decode(item, depth + 1) for item in rest)


def _sendable(dtype: np.dtype[Any]) -> str:
    """How a dtype is written; raises Unsendable for one that holds more than plain values."""
    if dtype.kind not in "biufcSUMm":
        raise Unsendable(f"dtype {dtype} has no plain form")
    return dtype.str


def _number(value: Any) -> int:
    """The number of an object, after a look at it."""
    if type(value) is not int:
        raise Malformed("an object without a number")
    return value


def _unlike(keys: list[Any]) -> list[Any]:
    """``keys`` if they can go into a table: made to have one hash, they take hours to go in."""
    if len(keys) > 500 and 2 * len({hash(key) for key in keys}) < len(keys):
        raise Malformed("keys that were made to collide")
    return keys


def _size(shape: Any) -> int:
    """Number of elements of an array of that shape, after a look at it."""
    if type(shape) is not list or len(shape) > 32:
        raise Malformed("an array that is none")
    if any(type(n) is not int or not 0 <= n < 2**62 for n in shape):
        raise Malformed("a shape that is none")
    return math.prod(shape)


def _array(dtype: Any, shape: Any, data: Any, order: Any = "C") -> np.ndarray[Any, Any]:
    """A fresh, writable array; everything about it checked first."""
    if order != "C" and order != "F":
        raise Malformed("an array in no order")
    if type(dtype) is not str or not _DTYPE.match(dtype):
        raise Malformed("a dtype that may not cross")
    if type(data) is not bytes:
        raise Malformed("an array that is none")
    kind, size = np.dtype(dtype), _size(shape)
    if size * kind.itemsize != len(data) or (size and not kind.itemsize):
        raise Malformed("an array with too many or too few bytes")
    if not size:
        return np.zeros(shape, kind)
    return np.frombuffer(data, dtype=kind).reshape(shape, order=order).copy(order)


def _dict(coder: Coder, rest: list[Any], depth: int) -> dict[Any, Any]:
    values = list(coder._items(rest, depth))
    return dict(zip(_unlike(values[::2]), values[1::2], strict=True))


def _objects(coder: Coder, rest: list[Any], depth: int) -> Any:
    shape, *items = rest
    if len(items) != _size(shape):
        raise Malformed("an array with too many or too few items")
    out = np.empty(len(items), dtype=object)
    for k, item in enumerate(coder._items(items, depth)):
        out[k] = item
    return out.reshape(shape)


def _random(coder: Coder, rest: list[Any], depth: int) -> np.random.Generator:
    (state,) = (coder._decode(item, depth + 1) for item in rest)
    name = state["bit_generator"]
    if type(name) is not str or name not in _BIT_GENERATORS:
        raise Malformed("an unknown bit generator")
    # NumPy does not check these two, and would read memory beyond the state
    for kind, place, most in (("MT19937", "pos", 624), ("Philox", "buffer_pos", 4)):
        at = (state["state"] if kind == "MT19937" else state)[place] if name == kind else 0
        if type(at) is not int or not 0 <= at <= most:
            raise Malformed("a place outside the generator's state")
    bits = getattr(np.random, name)(0)
    bits.state = state
    return np.random.Generator(bits)


def _tensor(coder: Coder, rest: list[Any], depth: int) -> Any:
    name, wants, dtype, shape, data = rest
    array = _array(dtype, shape, data)
    torch = sys.modules.get("torch")
    if torch is None:
        return array  # a judge that never asked for tensors gets the numbers
    tensor = torch.from_numpy(array)
    if name == "bfloat16":
        tensor = tensor.to(torch.bfloat16)
    return tensor.requires_grad_(bool(wants)) if wants and tensor.is_floating_point() else tensor


def _big(coder: Coder, rest: list[Any], depth: int) -> int:
    (text,) = rest
    if type(text) is not str or len(text) > 1200:
        raise Malformed("a number of more than a thousand digits")
    return int(text, 16)


def _proxy(coder: Coder, rest: list[Any], depth: int) -> Any:
    number, about = rest
    coder._budget -= _OBJECT_COSTS
    return coder.proxy(_number(number), about)


def _copy(coder: Coder, rest: list[Any], depth: int) -> Any:
    name, numbers, description = rest
    return coder.paste(name, numbers, coder._decode(description, depth + 1))


_DECODERS: dict[str, Callable[[Coder, list[Any], int], Any]] = {
    LIST: lambda c, r, d: list(c._items(r, d)),
    TUPLE: lambda c, r, d: tuple(c._items(r, d)),
    SET: lambda c, r, d: set(_unlike(list(c._items(r, d)))),
    FROZENSET: lambda c, r, d: frozenset(_unlike(list(c._items(r, d)))),
    DICT: _dict,
    ARRAY: lambda c, r, d: _array(*r),
    SCALAR: lambda c, r, d: _array(r[0], [], *r[1:])[()],
    OBJECTS: _objects,
    TENSOR: _tensor,
    DTYPE: lambda c, r, d: _array(r[0], [0], b"").dtype,
    COMPLEX: lambda c, r, d: complex(*r),
    BIG: _big,
    SLICE: lambda c, r, d: slice(*c._items(r, d)),
    ELLIPSIS: lambda c, r, d: Ellipsis,
    RANDOM: _random,
    OBJECT: _proxy,
    YOURS: lambda c, r, d: c.resolve(_number(*r)),
    COPY: _copy,
}

#: Sent as lists: what yields values one by one, and views of dictionaries.
_DRAINED: tuple[Any, ...] = (
    *(GeneratorType, range, deque, zip, map, filter, enumerate, reversed),
    *map(type, (iter([]), iter(()), iter({}), iter(range(0)))),
    *map(type, ({}.keys(), {}.values(), {}.items())),
)


def merge(old: Any, new: Any) -> Any:
    """Carry in-place changes over: ``old`` becomes like ``new`` where it can; returns the result.

    Arrays of the same shape and dtype, lists, dictionaries, generators and tensors are changed in
    place, so that whoever holds ``old`` sees what the answer did to its arguments.

    Example:
        >>> params = {"w": np.ones(2)}; w = params["w"]
        >>> _ = merge(params, {"w": np.zeros(2), "b": 1})
        >>> w.tolist(), sorted(params)
        ([0.0, 0.0], ['b', 'w'])
    """
    if isinstance(old, np.ndarray) and isinstance(new, np.ndarray):
        if old.shape == new.shape and old.dtype == new.dtype and old.flags.writeable:
            old[...] = new
            return old
        return new
    if type(old) is dict and type(new) is dict:
        for key in [k for k in old if k not in new]:
            del old[key]
        for key, value in new.items():
            old[key] = merge(old[key], value) if key in old else value
        return old
    if type(old) is list and type(new) is list:
        old[:] = (
            [merge(o, n) for o, n in zip(old, new, strict=True)] if len(old) == len(new) else new
        )
        return old
    if type(old) is tuple and type(new) is tuple and len(old) == len(new):
        return tuple(merge(o, n) for o, n in zip(old, new, strict=True))
    if isinstance(old, np.random.Generator) and isinstance(new, np.random.Generator):
        old.bit_generator.state = new.bit_generator.state
        return old
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        if old.shape == new.shape and old.dtype == new.dtype:
            with torch.no_grad():
                old.copy_(new)
        return old
    return new
