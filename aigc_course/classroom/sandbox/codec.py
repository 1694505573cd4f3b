"""How values cross between the judge and an answer's process: plain data, nothing executable.

A message is a tree of msgpack values. Numbers, strings and ``None`` stand for themselves;
everything else is a list that begins with one of the tags below. Objects that have no plain form
stay where they are and cross as a number (``OBJECT``); the same number sent back (``MINE``) means
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
from collections.abc import Callable, Iterator
from itertools import islice
from types import GeneratorType
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np

LIST, TUPLE, DICT, SET, FROZENSET = "l", "t", "d", "s", "f"
ARRAY, SCALAR, OBJECTS, TENSOR, DTYPE = "a", "n", "o", "T", "D"
COMPLEX, BIG, SLICE, ELLIPSIS, RANDOM = "c", "i", "/", "...", "r"
OBJECT, MINE, COPY = "O", "M", "C"

MAX_DEPTH = 40
MAX_ITEMS = 2_000_000
MAX_DRAIN = 200_000  # items taken from a generator
_DTYPE = re.compile(r"[<>|=]?(?:[biufc](?:1|2|4|8|16|32)|[SU]\d{1,5}|[Mm]8\[\w{1,4}\])\Z")
_BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
_OBJECT_COSTS = 40  # a stand-in takes as much memory as so many plain items


class Malformed(ValueError):
    """A message that no honest process sends."""


class Unsendable(TypeError):
    """A value that has no plain form and may not stay behind as an object."""


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
    """Turns values into trees and back, with objects kept in a table of its own.

    Args:
        keep: called with an object that has no plain form; returns ``(number, description)`` under
            which it stays here, or raises Unsendable.
        mine: object of a number handed out before.
        stand_in: makes the stand-in for an object of the other side, of ``(number, description)``.
        number_of: the other side's number of a stand-in or copy, or None for anything else.
        copy: describes an object that crosses as a copy, ``(name, numbers, description)``; None
            for any other.
        paste: makes the copy that ``(name, numbers, description)`` describes.

    Example:
        >>> plain = Coder()
        >>> plain.decode(unpack(pack(plain.encode({"w": (1, 2.5), "b": np.ones(2)}))))
        {'w': (1, 2.5), 'b': array([1., 1.])}
    """

    def __init__(
        self,
        keep: Callable[[Any], tuple[int, Any]] | None = None,
        mine: Callable[[int], Any] | None = None,
        stand_in: Callable[[int, Any], Any] | None = None,
        number_of: Callable[[Any], int | None] | None = None,
        copy: Callable[[Any], tuple[str, list[int], Any] | None] | None = None,
        paste: Callable[[str, list[int], Any], Any] | None = None,
    ) -> None:
        self.keep = keep
        self.mine = mine
        self.stand_in = stand_in
        self.number_of = number_of or (lambda value: None)
        self.copy = copy or (lambda value: None)
        self.paste = paste
        self._room = MAX_ITEMS

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
            return [MINE, number]
        copy = self.copy(value)
        if copy is not None:
            name, numbers, description = copy
            return [COPY, name, numbers, self.encode(description, depth + 1)]
        if isinstance(value, np.generic):
            return self._encode_scalar(value)
        if isinstance(value, np.ndarray):
            return self._encode_array(np.asarray(value), depth)
        if isinstance(value, tuple):
            return [TUPLE, *(self.encode(v, depth + 1) for v in tuple.__iter__(value))]
        if isinstance(value, list):
            return [LIST, *(self.encode(v, depth + 1) for v in list.__iter__(value))]
        if isinstance(value, dict):
            flat = [LIST]
            for k, v in dict.items(value):
                flat += [self.encode(k, depth + 1), self.encode(v, depth + 1)]
            return [DICT, *flat[1:]]
        if kind in (set, frozenset):
            tag = SET if kind is set else FROZENSET
            return [tag, *(self.encode(v, depth + 1) for v in value)]
        if isinstance(value, np.random.Generator):
            return [RANDOM, self.encode(value.bit_generator.state, depth + 1)]
        if isinstance(value, bool | int | float | complex | str):  # subclasses lose their manners
            return self._encode_plain_base(value)
        if kind is slice:
            return [
                SLICE,
                *(self.encode(v, depth + 1) for v in (value.start, value.stop, value.step)),
            ]
        if value is Ellipsis:
            return [ELLIPSIS]
        if isinstance(value, np.dtype):
            return [DTYPE, value.str]
        if kind in _ITERATORS or isinstance(value, GeneratorType | range | deque):
            return [LIST, *(self.encode(v, depth + 1) for v in islice(value, MAX_DRAIN))]
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(value, torch.Tensor):
            return self._encode_tensor(value, torch)
        if self.keep is None:
            raise Unsendable(f"a {kind.__name__} has no plain form")
        number, description = self.keep(value)
        return [OBJECT, number, description]

    def _encode_plain_base(self, value: Any) -> Any:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, complex):
            return [COMPLEX, value.real, value.imag]
        if isinstance(value, float):
            return float.__add__(value, 0.0)
        return self.encode(int.__add__(value, 0))

    def _encode_scalar(self, value: np.generic) -> Any:
        if value.dtype.kind not in "biufcSUMm":
            raise Unsendable(f"a NumPy scalar of dtype {value.dtype} has no plain form")
        return [SCALAR, value.dtype.str, np.asarray(value).tobytes()]

    def _encode_array(self, value: np.ndarray[Any, Any], depth: int) -> Any:
        if value.dtype.kind == "O":
            items = [self.encode(v, depth + 1) for v in value.ravel().tolist()]
            return [OBJECTS, list(value.shape), *items]
        if value.dtype.kind not in "biufcSUMm":
            raise Unsendable(f"an array of dtype {value.dtype} has no plain form")
        return [ARRAY, value.dtype.str, list(value.shape), value.tobytes()]

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
        self._room = MAX_ITEMS
        return self._decode(tree, 0)

    def _decode(self, tree: Any, depth: int) -> Any:
        kind = type(tree)
        if tree is None or kind in (bool, int, float, str, bytes):
            return tree
        if kind is not list or not tree or type(tree[0]) is not str:
            raise Malformed("a value without a tag")
        if depth > MAX_DEPTH + 2:
            raise Malformed("nested too deep")
        self._room -= len(tree)
        if self._room < 0:
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

    def _decode_dict(self, rest: list[Any], depth: int) -> dict[Any, Any]:
        values = list(self._items(rest, depth))
        return dict(zip(_unlike(values[::2]), values[1::2], strict=True))

    def _decode_object(self, rest: list[Any], depth: int) -> Any:
        number, description = rest
        self._room -= _OBJECT_COSTS
        if self.stand_in is None or type(number) is not int:
            raise Malformed("an object where none is wanted")
        return self.stand_in(number, description)

    def _decode_mine(self, rest: list[Any], depth: int) -> Any:
        (number,) = rest
        if self.mine is None or type(number) is not int:
            raise Malformed("an object that was never handed out")
        return self.mine(number)

    def _decode_copy(self, rest: list[Any], depth: int) -> Any:
        if self.paste is None:
            raise Malformed("a copy where none is wanted")
        name, numbers, description = rest
        return self.paste(name, numbers, self._decode(description, depth + 1))


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


def _array(dtype: Any, shape: Any, data: Any) -> np.ndarray[Any, Any]:
    """A fresh, writable array; everything about it checked first."""
    if type(dtype) is not str or not _DTYPE.match(dtype):
        raise Malformed("a dtype that may not cross")
    if type(data) is not bytes:
        raise Malformed("an array that is none")
    kind, size = np.dtype(dtype), _size(shape)
    if size * kind.itemsize != len(data) or (size and not kind.itemsize):
        raise Malformed("an array with too many or too few bytes")
    if not size:
        return np.zeros(shape, kind)
    return np.frombuffer(data, dtype=kind).reshape(shape).copy()


def _scalar(coder: Coder, rest: list[Any], depth: int) -> Any:
    dtype, data = rest
    return _array(dtype, [], data)[()]


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


_DECODERS: dict[str, Callable[[Coder, list[Any], int], Any]] = {
    LIST: lambda c, r, d: list(c._items(r, d)),
    TUPLE: lambda c, r, d: tuple(c._items(r, d)),
    SET: lambda c, r, d: set(_unlike(list(c._items(r, d)))),
    FROZENSET: lambda c, r, d: frozenset(_unlike(list(c._items(r, d)))),
    DICT: lambda c, r, d: c._decode_dict(r, d),
    ARRAY: lambda c, r, d: _array(*r),
    SCALAR: _scalar,
    OBJECTS: _objects,
    TENSOR: _tensor,
    DTYPE: lambda c, r, d: _array(r[0], [0], b"").dtype,
    COMPLEX: lambda c, r, d: complex(*r),
    BIG: _big,
    SLICE: lambda c, r, d: slice(*c._items(r, d)),
    ELLIPSIS: lambda c, r, d: Ellipsis,
    RANDOM: _random,
    OBJECT: Coder._decode_object,
    MINE: Coder._decode_mine,
    COPY: Coder._decode_copy,
}

_ITERATORS: tuple[Any, ...] = (
    zip,
    map,
    filter,
    enumerate,
    reversed,
    type(iter([])),
    type(iter(())),
    type(iter({})),
    type({}.keys()),
    type({}.values()),
    type({}.items()),
    type(iter(range(0))),
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
