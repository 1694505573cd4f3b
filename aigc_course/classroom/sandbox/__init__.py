"""Running answers nobody vouches for: in a process of their own, apart from the judge.

===============  ====================================================================
``sandbox``      starts a fork server in bubblewrap and talks to the worker processes
``fork_server``  imports once, then forks a supervisor and a worker for each learner
``confine``      what is taken away from a worker before the first statement runs
``worker``       the answer's end of the conversation
``proxies``      the judge's end: stand-ins for the answer's objects
``rpc``          questions and answers over one socket
``codec``        values as plain data
===============  ====================================================================
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aigc_course.classroom.sandbox.limits import Kind, Limits
    from aigc_course.classroom.sandbox.rpc import NotDefined
    from aigc_course.classroom.sandbox.sandbox import NoSandbox, Sandbox, WorkerProcess

__all__ = ["Kind", "Limits", "NoSandbox", "NotDefined", "Sandbox", "WorkerProcess"]

_HOMES = {"Kind": "limits", "Limits": "limits", "NotDefined": "rpc"}


def __getattr__(name: str) -> object:
    # the worker process imports this package too, and has no judges to import
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'sandbox')}"), name)
