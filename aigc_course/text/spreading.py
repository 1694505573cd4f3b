"""One function over many chunks: here, in several processes, or on a Dask cluster.

>>> with open_place(workers=1) as place:
...     list(place.map(sorted, ["cab", "ba"]))
[['a', 'b', 'c'], ['a', 'b']]

The results come in the order of the chunks, wherever and whenever they were computed. So what is
made of them cannot hang on the number of workers. A few chunks for each worker are on their way at
a time; the rest have not been made yet, which bounds the memory.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import unicodedata
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aigc_course.dask_client import connect
from aigc_course.errors import UserError

__all__ = ["Cluster", "Here", "Place", "Processes", "open_place"]

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 2  # chunks for each worker that are on their way


class Place(Protocol):
    """Where a function can be run; a context that ends what it has started."""

    def map(self, function: Callable[[T], R], chunks: Iterable[T]) -> Iterator[R]:
        """``function`` of each chunk, in order. The function must be pure."""
        ...

    def __enter__(self) -> Place: ...

    def __exit__(self, *_: object) -> None: ...


def open_place(workers: int = 1, cluster: str = "") -> Place:
    """The place that the arguments name.

    Args:
        workers: processes on this machine; 1 is this process itself.
        cluster: address of a Dask scheduler, such as ``tcp://10.0.0.5:8786``; then ``workers``
            must be left at 1, for the cluster has its own.

    Raises:
        ValueError: fewer than one worker, or both.
        UserError: no scheduler, or no worker, is to be found at the address.
    """
    if workers < 1 or (cluster and workers != 1):
        raise ValueError(
            f"workers, cluster: got {workers}, {cluster!r}, wanted workers ≥ 1 or a cluster"
        )
    if cluster:
        return Cluster(cluster)
    return Here() if workers == 1 else Processes(workers)


class Here:
    """This process."""

    def map(self, function: Callable[[T], R], chunks: Iterable[T]) -> Iterator[R]:
        """One chunk after the other, each when its result is asked for."""
        return map(function, chunks)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass


# --- processes ---------------------------------------------------------------------------------

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Processes:
    """Processes on this machine, started anew: nothing of this one is in them but what is sent.

    Args:
        count: of processes, each of which computes with one thread.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        context = multiprocessing.get_context("spawn")
        # nobody else has our end: when it is closed, or this process is killed, they all notice
        self._theirs, self._ours = context.Pipe(duplex=False)
        self._pool = ProcessPoolExecutor(
            count, context, initializer=_begin, initargs=(self._theirs,)
        )

    def map(self, function: Callable[[T], R], chunks: Iterable[T]) -> Iterator[R]:
        """In the order of the chunks.

        Raises:
            UserError: the function cannot be sent, or a process died.
        """
        if b"__main__" in _check_sendable(function) and not _main_is_a_file():
            raise UserError(
                "笔记本里写的函数，别的进程看不到",
                "把它写到 .py 文件里再 import，或用 workers=1",
            )

        def send(chunk: T) -> Future[R]:
            with _one_thread():
                return self._pool.submit(function, chunk)

        try:
            yield from _in_order(send, Future.result, chunks, lambda: AHEAD * self.count)
        except BrokenProcessPool as error:
            raise UserError(
                "一个工作进程中途没了（多半是内存不够）", "减少 workers，或关掉别的程序，再来一次"
            ) from error

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, error: object = None, *_: object) -> None:
        if error is not None:
            self._ours.close()  # no waiting for chunks that nobody wants
        self._pool.shutdown(cancel_futures=True)
        self._ours.close()
        self._theirs.close()


def _begin(end: Connection) -> None:
    """In a new process: leave Ctrl-C to the one that began it, and do not outlive that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(end,), daemon=True).start()


def _end_with(end: Connection) -> None:
    with suppress(EOFError, OSError):
        end.recv()  # nothing is ever sent
    os._exit(1)


class _one_thread:
    """Processes begun inside compute with one thread each: there are as many as processors."""

    def __enter__(self) -> None:
        self._before = {name: os.environ.get(name) for name in _THREADS}
        os.environ.update(dict.fromkeys(_THREADS, "1"))

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _main_is_a_file() -> bool:
    """Whether a new process can import what runs here: a script, but no notebook or console."""
    main = sys.modules["__main__"]
    return getattr(main, "__spec__", None) is not None or hasattr(main, "__file__")


def _check_sendable(function: Callable[..., Any]) -> bytes:
    try:
        return pickle.dumps(function)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"这里有一步送不到别的进程里去（{error}）",
            "把它写成 .py 模块里的函数（不用 lambda，不写在别的函数里），或用 workers=1",
        ) from error


def _in_order(
    send: Callable[[T], Any],
    result: Callable[[Any], R],
    chunks: Iterable[T],
    ahead: Callable[[], int],
) -> Iterator[R]:
    """Results in the order of the chunks, of which at most ``ahead()`` have been sent."""
    sent: deque[Any] = deque()
    try:
        for chunk in chunks:
            while len(sent) >= max(1, ahead()):
                yield result(sent.popleft())
            sent.append(send(chunk))
        while sent:
            yield result(sent.popleft())
    finally:
        for future in sent:
            future.cancel()


# --- Dask --------------------------------------------------------------------------------------


class _WrongPackage(Exception):
    """A worker has another version of the course, or of Unicode's tables."""


class Cluster:
    """A running Dask cluster. All that is sent is pickled, so it must be your own.

    A chunk whose worker is lost is computed once more elsewhere; as the function is pure, that
    does not show.

    Args:
        address: of the scheduler.
        wait: seconds to wait for the scheduler and its first worker.

    Raises:
        UserError: there is no scheduler or no worker.
    """

    def __init__(self, address: str, wait: float = 15.0) -> None:
        self.address = address
        self.client = connect(address, wait)
        try:
            self.client.wait_for_workers(1, timeout=wait)
        except TimeoutError:
            self.__exit__()
            raise UserError(
                f"集群 {address} 里没有工作进程", f"启动一个：dask worker {address}"
            ) from None
        except BaseException:
            self.__exit__()
            raise

    def map(self, function: Callable[[T], R], chunks: Iterable[T]) -> Iterator[R]:
        """In the order of the chunks.

        Raises:
            UserError: the function cannot be sent, a worker has another version of the course,
                or the cluster is lost.
        """
        from distributed import CancelledError, KilledWorker

        _check_sendable(function)

        def send(chunk: T) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of one long text in a chunk
                return self.client.submit(
                    _on_worker, function, chunk, fingerprint(), pure=False, retries=2
                )

        try:
            yield from _in_order(send, _taken, chunks, self._ahead)
        except KilledWorker as error:
            raise UserError(
                f"集群 {self.address} 的工作进程一再中途没了（多半是内存不够）",
                "给每个工作进程多些内存：dask worker --memory-limit，再来一次",
            ) from error
        except (CancelledError, OSError) as error:
            if isinstance(error, OSError) and self.client.status == "running":
                raise
            raise UserError(
                f"与调度器 {self.address} 的连接断了", "调度器恢复后再来一次"
            ) from error
        except (_WrongPackage, ImportError) as error:
            raise UserError(
                f"集群 {self.address} 的工作进程里不是这里的课程（{error}）",
                "在每台机器上装同一版课程与软件包，重启那里的 dask worker",
            ) from error

    def _ahead(self) -> int:
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return AHEAD * sum(worker["nthreads"] for worker in workers.values())

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        with warnings.catch_warnings(), suppress(TimeoutError):
            warnings.simplefilter("ignore")
            self.client.close(timeout=10)


def _taken(future: Any) -> Any:
    try:
        return future.result()
    finally:
        future.release()


@cache
def fingerprint() -> str:
    """Of all that a result can hang on: this package's source, Python's, Unicode's version."""
    import numpy as np

    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    python = ".".join(map(str, sys.version_info[:2]))
    numpy = ".".join(np.__version__.split(".")[:2])
    return f"{digest.hexdigest()[:12]}/{python}/{unicodedata.unidata_version}/{numpy}"


def _on_worker(function: Callable[[T], R], chunk: T, wanted: str) -> R:
    """Workers may join late, so each task looks."""
    if fingerprint() != wanted:
        raise _WrongPackage(f"{fingerprint()}，这里是 {wanted}")
    return function(chunk)
