"""Running answers nobody vouches for: in a process of their own, apart from the judge.

=============  ====================================================================
``box``        the warm parent in bubblewrap; rooms forked from it
``nursery``    what that parent does
``confine``    what is taken away from a room before the first statement runs
``inside``     the answer's end of the conversation
``remote``     the judge's end: stand-ins for the answer's objects
``peer``       questions and answers over one socket
``codec``      values as plain data
=============  ====================================================================
"""

from aigc_course.classroom.sandbox.limits import Kind, Limits

__all__ = ["Kind", "Limits", "NoSandbox", "NotDefined", "Room", "Sandbox"]


def __getattr__(name: str) -> object:
    # the confined process imports this package too, and has no judges to import
    if name in ("NoSandbox", "Room", "Sandbox"):
        from aigc_course.classroom.sandbox import sandbox

        return getattr(sandbox, name)
    if name == "NotDefined":
        from aigc_course.classroom.sandbox.rpc import NotDefined

        return NotDefined
    raise AttributeError(name)
