"""Remote procedure calls in both directions over one socket.

Each message is four bytes of length and a msgpack list: ``["q", operation, arguments …]`` is a
request, ``["a", True, value]`` or ``["a", False, error type, text, lines]`` its response. While one
side waits for a response it serves the other's requests, so that a function handed over can be
called back.
"""

from __future__ import annotations

import builtins
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from aigc_course.classroom.sandbox.codec import Malformed, pack, unpack
from aigc_course.judging import handed

MAX_NESTED = 20  # requests served while another one is
_CHUNK = 1 << 20
_NAME, _TEXT, _LINE, _LINES = 100, 2000, 500, 8  # what is told of an error


class ConnectionLost(Exception):
    """The other side has closed the connection."""


class DeadlineExceeded(Exception):
    """The deadline has passed."""


class TrafficExceeded(Exception):
    """More was sent than may cross."""


@handed.crosses
class RemoteError(Exception):
    """An error of the other side that has no counterpart here."""


@handed.crosses
class NotDefined(LookupError):
    """The learner's statements ran without defining the name asked for."""


@handed.crosses
class Refused(Exception):
    """A part of the course or a library that this exercise does not allow was asked for."""


class RpcConnection:
    """One end of the conversation.

    Args:
        sock: a connected stream socket; this object owns it.
        serve: ``serve(operation, arguments) -> tree`` for a request of the other side; what it
            raises is sent back as an error.
        describe: makes an error ``[type name, text, lines]``.
        frame: largest message taken in, in bytes.
        traffic: all that may come in, in bytes; None for no limit.
        trusted: whether the other side is the judge. What is not an ``Exception`` (Ctrl-C, the end
            of an exercise's time) passes through a judge's callbacks, while everything that an
            answer raises is told to the judge; and no broken text comes in from an answer.
    """

    def __init__(
        self,
        sock: socket.socket,
        serve: Callable[[str, list[Any]], Any],
        *,
        describe: Callable[[BaseException], list[Any]] | None = None,
        frame: int = 64 << 20,
        traffic: int | None = None,
        trusted: bool = True,
    ) -> None:
        self.sock = sock
        self.serve = serve
        self.describe = describe or describe_error
        self.frame = frame
        self.left = traffic
        self.trusted = trusted
        self.deadline: float | None = None
        self._nested = 0

    def request(self, operation: str, *arguments: Any) -> Any:
        """The tree with which the other side responds.

        Raises:
            Exception: the other side's, of the nearest type that both know, else RemoteError.
            ConnectionLost, DeadlineExceeded, TrafficExceeded, Malformed: there is no response.
        """
        self._send(pack(["q", operation, *arguments]))
        while True:
            message = self._receive()
            if message[0] == "q":
                self._respond(message)
            elif message[0] == "a" and len(message) == 3 and message[1] is True:
                return message[2]
            elif message[0] == "a" and len(message) == 5 and message[1] is False:
                raise restore_error(message[2:])
            else:
                raise Malformed("neither request nor response")

    def run(self) -> None:
        """Serve requests until the other side closes the connection."""
        while True:
            try:
                message = self._receive()
            except ConnectionLost:
                return
            if message[0] != "q":
                raise Malformed("a response to no request")
            self._respond(message)

    def _respond(self, message: list[Any]) -> None:
        if len(message) < 2 or type(message[1]) is not str or self._nested >= MAX_NESTED:
            raise Malformed("a request that is none, or too many within each other")
        self._nested += 1
        try:
            response = pack(["a", True, self.serve(message[1], message[2:])])
        except (Malformed, ConnectionLost, DeadlineExceeded, TrafficExceeded):
            raise
        except BaseException as error:
            if not self.trusted and not isinstance(error, Exception):
                raise
            response = pack(["a", False, *self.describe(error)])
        finally:
            self._nested -= 1
        self._send(response)

    def _send(self, data: bytes) -> None:
        self._check_deadline()
        length = struct.pack("<I", len(data))
        try:
            if len(data) < _CHUNK:
                self.sock.sendall(length + data)
            else:  # together they would take twice the memory
                self.sock.sendall(length)
                self.sock.sendall(data)
        except TimeoutError:
            raise DeadlineExceeded from None
        except OSError:
            raise ConnectionLost from None

    def _receive(self) -> list[Any]:
        (length,) = struct.unpack("<I", self._read(4))
        if length > self.frame:
            raise TrafficExceeded(f"one value of {length >> 20} MiB")
        if self.left is not None:
            self.left -= length
            if self.left < 0:
                raise TrafficExceeded("too much in all")
        message = unpack(self._read(length), "surrogatepass" if self.trusted else "replace")
        if type(message) is not list or not message:
            raise Malformed("a message that is no list")
        return message

    def _read(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            self._check_deadline()
            try:
                part = self.sock.recv(min(length - len(data), _CHUNK))
            except TimeoutError:
                raise DeadlineExceeded from None
            except OSError:
                raise ConnectionLost from None
            if not part:
                raise ConnectionLost
            data += part
        return bytes(data)

    def _check_deadline(self) -> None:
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded
            self.sock.settimeout(left)


def describe_error(error: BaseException) -> list[Any]:
    """An error as ``[type name, text, lines]``, under its nearest type that both sides know."""
    name = next(c.__name__ for c in type(error).__mro__ if _known(c.__name__) is c)
    try:
        text = str(error)
    except Exception:
        text = ""
    lines = getattr(error, "own_lines", [])
    return [str(name)[:_NAME], text[:_TEXT], [str(line)[:_LINE] for line in lines[:_LINES]]]


def _known(name: str) -> Any:
    return handed.errors.get(name) or getattr(builtins, name, None)


def restore_error(described: list[Any]) -> Exception:
    """The error that the other side described, with ``own_lines`` as the learner may read them."""
    name, text, lines = described
    if type(name) is not str or type(text) is not str or type(lines) is not list:
        raise Malformed("an error that is none")
    text, name = text[:_TEXT], name[:_NAME]  # nobody knows what made them
    kind = _known(name)
    error: Exception
    if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
        try:
            error = kind(text)
        except TypeError:  # UnicodeDecodeError and its like want more than a text
            error = RemoteError(f"{name}: {text}")
    else:
        error = RemoteError(f"{name}: {text}")
    own = [line[:_LINE] for line in lines[:_LINES] if type(line) is str]
    error.own_lines = own  # type: ignore[attr-defined]
    return error
