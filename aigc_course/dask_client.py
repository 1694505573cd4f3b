"""A client of a Dask cluster by its address; what cannot be reached is said in one line."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

from aigc_course.errors import UserError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect"]


def connect(address: str, wait: float) -> Client:
    """A client of the scheduler at ``address``.

    Differing versions of libraries are not warned of: whoever uses the workers examines them.

    Args:
        address: such as ``tcp://10.0.0.1:8786``.
        wait: seconds after which a scheduler that does not answer is given up.

    Raises:
        UserError: nothing answers there, or it is no address.
    """
    from distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Client(address, timeout=wait, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UserError(
            f"连不上调度器 {address}（{type(error).__name__}）",
            "核对地址；启动一个：dask scheduler，再到各台机器上 dask worker 地址",
        ) from error
