"""Whatever comes over the channel becomes a value, Stopped or Malformed: no code, flood or hang."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import tracemalloc
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aigc_course.classroom.sandbox import codec
from aigc_course.classroom.sandbox.codec import Coder, Malformed, pack, unpack
from aigc_course.classroom.sandbox.proxies import Proxy, Session
from aigc_course.classroom.sandbox.rpc import NotDefined
from aigc_course.judging.core import Stopped

HANG = pytest.mark.timeout(60)  # only so that a hang is a failure; nothing is timed
TAGS = [v for k, v in vars(codec).items() if k.isupper() and isinstance(v, str)]
FINE = (Stopped, NotDefined)


# --- bytes and trees ---------------------------------------------------------------------------

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=40),
    st.sampled_from(["<f8", "<U0", "S0", "O", "V8", "<i2", "?", "M8[s]", "M8[0D]", "f16", "c32"]),
    st.sampled_from(["PCG64", "MT19937", "Philox", "bit_generator", "state", "has_uint32"]),
    st.sampled_from(["float64", "bfloat16", "0x10", "-0xff", "inf", "1" * 1100, "0x" + "f" * 900]),
)
trees = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(st.sampled_from(TAGS), st.lists(inner, max_size=5)).map(lambda t: [t[0], *t[1]]),
    ),
    max_leaves=20,
)
honest = st.sampled_from(
    [
        pack(Coder().encode(value))
        for value in (
            np.arange(6.0).reshape(2, 3),
            {"w": np.ones((2, 2)), "b": [1, 2.5, "x", None], (1, 2): {3, 4}},
            (np.float32(1), 10**400, 1j, slice(1, None), ...),
            [np.random.default_rng(3), np.array([1, "a"], dtype=object), np.dtype("i4")],
        )
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid message with a few bytes changed, taken out or put in."""
    data = bytearray(draw(honest))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
    return bytes(data)


def decoded(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        Coder().decode(unpack(data))


@HANG
@settings(max_examples=400)
@given(st.one_of(st.binary(max_size=200), mutated()))
def test_any_bytes_are_a_value_or_malformed(data):
    decoded(data)


@HANG
@settings(max_examples=400)
@given(trees)
@example(["a", "M8[0D]", [1], b"\0" * 8])
@example(["T", "bfloat16", True, "<U3", [1], b"\0" * 12])
@example(["r", ["d", "bit_generator", "PCG64", "state", None]])
def test_any_tree_is_a_value_or_malformed(tree):
    with contextlib.suppress(Malformed):
        Coder().decode(tree)


def _array32(n: int) -> bytes:
    return b"\xdd" + struct.pack(">I", n)


BOMBS = {
    "a million empty lists": lambda: _array32(4 << 20) + b"\x90" * (4 << 20),
    "a million empty maps": lambda: _array32(4 << 20) + b"\x80" * (4 << 20),
    "headers that promise more than comes": lambda: _array32(1 << 21) * 900 + b"\xc0" * (1 << 21),
    "a string that promises more than comes": lambda: b"\xdb\xff\xff\xff\xff" + b"x",
    "lists within lists without end": lambda: b"\x91" * (1 << 20) + b"\xc0",
    "an extension type": lambda: b"\xc7\x04\x05abcd",
    "empty bytes that claim a length": lambda: pack(["a", "<U0", [1 << 27], b""]),
    "empty bytes of a type without size": lambda: pack(["a", "|S0", [1 << 27], b""]),
    "a shape of many sides": lambda: pack(["o", [2**62] * 400_000]),
    "numbers with the same hash": lambda: pack(
        ["s", *(["i", hex(k * (2**61 - 1))] for k in range(9, 60_000))]
    ),
    "pairs with the same hash": lambda: pack(["d", *_same_hash(60_000)]),
    "objects by the hundred thousand": lambda: _objects(100_000),
}


def _same_hash(n: int) -> list[Any]:
    flat: list[Any] = []
    for k in range(1, n):
        flat += [["c", -1000003.0 * k, float(k)], 0]
    return flat


def _objects(n: int) -> bytes:
    one = pack(["O", 70_000, ["x", True, False]])
    return b"\xdd" + struct.pack(">I", n + 1) + pack("l") + one * n


@HANG
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_turned_away_before_it_goes_off(name):
    data = BOMBS[name]()
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            Coder().decode(unpack(data))
        assert tracemalloc.get_traced_memory()[1] < 8 * len(data) + (48 << 20)
    finally:
        tracemalloc.stop()


def test_the_bombs_that_collide_really_do():
    keys = [complex(-1000003.0 * k, float(k)) for k in range(1, 200)]
    assert len({hash(key) for key in keys}) < 20


@pytest.mark.parametrize(("kind", "field"), [("MT19937", "pos"), ("Philox", "buffer_pos")])
@pytest.mark.parametrize("place", [-7, 10**6, True, 2.5, None])
def test_a_generator_does_not_read_beyond_its_state(kind, field, place):
    """NumPy trusts the place it is given and would read other memory of the judge."""
    state = getattr(np.random, kind)(1).state
    (state["state"] if field == "pos" else state)[field] = place
    tree = Coder().encode(state)
    with pytest.raises(Malformed):
        Coder().decode(["r", tree])


# --- a whole session ---------------------------------------------------------------------------


def talk(frames: list[bytes], ask, *, close: bool = True) -> Any:
    """Let ``ask`` have a conversation with one who says ``frames`` whatever is asked."""
    here, there = socket.socketpair()

    def say() -> None:
        try:
            for frame in frames:
                there.sendall(frame)
            if close:
                there.shutdown(socket.SHUT_WR)
            while there.recv(1 << 16):
                pass
        except OSError:
            pass

    thread = threading.Thread(target=say, daemon=True)
    thread.start()
    session = Session(here, seconds=2.0, frame=1 << 20, traffic=1 << 22)
    try:
        return ask(session)
    finally:
        session.alive = False
        here.close()
        thread.join(10)
        there.close()


def framed(message: Any) -> bytes:
    data = message if isinstance(message, bytes) else pack(message)
    return struct.pack("<I", len(data)) + data


def use(session: Session) -> None:
    """What judges do with an answer."""
    f = session.define([], "f")
    f(np.ones(2), {"w": np.ones(2)}, lambda v: v, np.random.default_rng(0), k=[1])
    float(f.x), len(f[0]), np.asarray(f + 1), list(f), f == 1, isinstance(f, type(f))


messages = st.one_of(
    trees,
    st.tuples(st.just("a"), st.just(True), trees).map(list),
    st.just(["a", True, ["O", 1, ["f", True, False]]]),
    st.just(["a", True, ["O", 2, ["C", True, True]]]),
    st.tuples(
        st.just("a"),
        st.just(False),
        st.sampled_from(
            ["ValueError", "MemoryError", "StopIteration", "SystemExit", "eval", "Refused", "X"]
        ),
        st.text(max_size=20),
        st.lists(trees, max_size=3),
    ).map(list),
    st.tuples(
        st.just("q"),
        st.sampled_from(["call", "get", "set", "eval", "__class__"]),
        st.one_of(st.integers(-2, 5), trees),
        st.sampled_from(["__globals__", "__class__", "data", "grad", "step", "item"]) | trees,
        trees,
    ).map(list),
)


@HANG
@settings(max_examples=150)
@given(
    st.lists(
        st.one_of(messages.map(framed), st.binary(max_size=30), mutated().map(framed)), max_size=8
    )
)
def test_a_session_ends_in_order_whatever_it_is_told(frames):
    try:
        talk(frames, use)
    except FINE:
        pass
    except Exception as error:  # told to us by the other side, or a value that cannot do that
        assert not isinstance(error, Malformed), error
        assert type(error).__module__ in ("builtins", "numpy.exceptions") or hasattr(
            error, "own_lines"
        )


def answer(*trees: Any) -> list[bytes]:
    return [framed(["a", True, tree]) for tree in trees]


def stopped(frames: list[bytes], ask=use) -> Stopped:
    with pytest.raises(Stopped) as caught:
        talk(frames, ask)
    return caught.value


FUNCTION = ["O", 1, ["f", True, False]]


@HANG
def test_a_value_that_makes_no_sense_ends_the_session_while_defining_too():
    assert stopped(answer(["a", "<f8", [9], b""])).status == "crashed"


@HANG
def test_objects_never_handed_over_are_nobodys():
    assert stopped(answer(["M", 1])).status == "crashed"
    assert stopped(answer(["C", "GraphNode", [1], ["l"]])).status == "crashed"


@HANG
def test_what_one_exercise_handed_over_is_no_answer_to_the_next():
    """A judge's own function must not come back as the answer: it would run here."""

    def two(session: Session) -> None:
        first = session.define([], "f")
        first(lambda v: 42)
        session.start()
        second = session.define([], "g")
        assert isinstance(second, Proxy), second

    frames = [*answer(FUNCTION), framed(["a", True, [0, None]]), *answer(["M", 1])]
    assert stopped(frames, two).status == "crashed"


@HANG
def test_callbacks_within_callbacks_come_to_an_end():
    def ping(session: Session) -> None:
        f = session.define([], "f")
        f(lambda v: f(v))

    call = framed(["q", "call", 1, ["t", 1], ["d"]])
    assert stopped([*answer(FUNCTION), *[call] * 200], ping).status == "crashed"


@HANG
def test_an_interruption_of_the_judge_is_not_told_to_the_answer():
    """Ctrl-C and the end of the time pass through a callback; the answer cannot swallow them."""

    class Interrupted(BaseException):
        pass

    def interrupted(v: Any) -> None:
        raise Interrupted

    def ask(session: Session) -> None:
        f = session.define([], "f")
        f(interrupted)

    frames = [*answer(FUNCTION), framed(["q", "call", 1, ["t", 1], ["d"]]), *answer([0, None])]
    with pytest.raises(Interrupted):
        talk(frames, ask)


@HANG
@pytest.mark.parametrize("name", ["__globals__", "__class__", "__code__", "__closure__", "data"])
def test_of_a_judges_function_nothing_but_the_call_is_open(name):
    got: list[Any] = []

    def ask(session: Session) -> None:
        f = session.define([], "f")
        f(lambda v: got.append(v))

    frames = [*answer(FUNCTION), framed(["q", "get", 1, name]), *answer([0, None])]
    here, there = socket.socketpair()
    with here, there:
        for frame in frames:
            there.sendall(frame)
        session = Session(here, seconds=2.0, frame=1 << 20, traffic=1 << 22)
        ask(session)
        heard = there.recv(1 << 20)
        session.alive = False
    assert b"AttributeError" in heard and b"<function" not in heard and got == []


@HANG
@pytest.mark.parametrize(
    ("frames", "status"),
    [
        ([struct.pack("<I", 0xFFFFFFFF)], "memory"),
        ([struct.pack("<I", 100) + b"short"], "crashed"),
        ([framed(["a", True])], "crashed"),
        ([framed(["a", 1, 2])], "crashed"),
        ([framed(["b", True, 1])], "crashed"),
        ([framed([])], "crashed"),
        ([framed({"a": 1})], "crashed"),
        ([framed(["q"])], "crashed"),
        ([framed(["q", 5])], "crashed"),
        ([framed(["a", False, 1, 2, 3])], "crashed"),
        ([b"\0" * 100], "crashed"),
        ([], "crashed"),
    ],
)
def test_malformed_frames_have_their_status(frames, status):
    assert stopped(frames).status == status


@HANG
def test_too_much_in_all_is_too_much():
    frame = framed(["q", "nonsense", 1, b"x" * (1 << 19)])
    assert stopped([frame] * 20).status in ("memory", "crashed")


@HANG
def test_silence_is_a_timeout():
    def ask(session: Session) -> None:
        session.seconds = 0.3
        session.start()
        session.define([], "f")

    with pytest.raises(Stopped) as caught:
        talk([], ask, close=False)
    assert caught.value.status == "timeout"


@HANG
def test_an_error_told_over_the_channel_is_short_and_clean():
    """A text of megabytes would be searched and shown; half a character cannot be stored."""
    text = "(" + " " * 300_000 + "\ud800"
    frames = [framed(["a", False, "ValueError", text, ["\udfff" * 900] * 50])]
    with pytest.raises(ValueError) as caught:
        talk(frames, use)
    assert len(str(caught.value)) <= 2000
    str(caught.value).encode("utf-8")
    assert len(caught.value.own_lines) <= 8
    "".join(caught.value.own_lines).encode("utf-8")


@HANG
def test_half_characters_do_not_reach_the_judge():
    """No file, page or database can hold them: one would stop the whole class."""
    got = talk(answer(["l", "a\ud800b", "好"]), lambda session: session.define([], "f"))
    assert got[1] == "好"
    got[0].encode("utf-8")


def test_nothing_that_came_with_the_data_is_run(tmp_path):
    """A pickle, a class name and a dotted path are only bytes and text here."""
    import pickle

    class Bomb:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "run"),)

    evil = pickle.dumps(Bomb())
    for tree in (evil, ["a", "O", [1], evil], ["o", [1], evil], ["O", evil, evil], ["r", evil]):
        decoded(pack(tree))
    decoded(evil)
    decoded(msgpack.packb(msgpack.ExtType(5, evil)))
    assert not (tmp_path / "run").exists()
