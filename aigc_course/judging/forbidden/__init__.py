"""Has an answer been written, or does it call somebody else's?

An exercise asks for ``softmax``; ``return torch.softmax(z, 1)`` passes every numerical test and
teaches nothing. Three ways of seeing it, each with its own blind spot:

======================== ===================================== ==================================
way                      sees                                  does not see
======================== ===================================== ==================================
:func:`library_origin`   an answer that *is* a library's       a function that calls one
:func:`static_findings`  what the source names, through        names made up at run time
                         aliases, ``getattr``, ``importlib``
:class:`CallMonitor`     every call from a learner's line into  a built-in that C code calls
                         a library, however it was reached      (``map(torch.exp, xs)``)
======================== ===================================== ==================================

What is forbidden is said in :mod:`aigc_course.policy`. This keeps an honest learner honest. It is
no wall: the wall is the sandbox, where the library is not there.

Only the standard library is imported, because the process in which a submitted answer runs
imports this package, too.
"""

from aigc_course.judging.forbidden.call_monitor import MONITOR_REMOVED, CallMonitor
from aigc_course.judging.forbidden.names import explain, is_own, library_origin
from aigc_course.judging.forbidden.source_scan import names_of, static_findings
from aigc_course.judging.forbidden.work_counter import Work, WorkCounter

__all__ = [
    "MONITOR_REMOVED",
    "CallMonitor",
    "Work",
    "WorkCounter",
    "explain",
    "is_own",
    "library_origin",
    "names_of",
    "static_findings",
]
