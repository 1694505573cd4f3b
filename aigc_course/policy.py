"""What answers may see and call, and what can change a mark: closed by default.

Everything of the course is closed to answers, and absent from the process in which a submitted
answer runs, unless it is listed here; so is every library that could answer in the learner's
place. A package that is added is therefore closed without a word being said about it, and it
counts for the fingerprint of the course.

An exercise opens more by its ``allows``: patterns on dotted names, the last that fits deciding,
``!`` taking back. ``("torch.*", "!torch.*softmax")`` is all of torch but its softmaxes. A pattern
may name a thing as a learner writes it: ``aigc_course.engine.tensor`` also fits ``tensor`` of
``aigc_course.engine.creation``. Without ``!`` a pattern also brings its package or library into
the sandbox; ``("aigc_course.engine.*", "!aigc_course.engine.*")`` brings it and lets nothing of
it be called.

Only the standard library is imported: the sandbox reads this file, too.

========================= =========================================
reader                    asks
========================= =========================================
``judging.forbidden``     :func:`is_closed`
``sandbox.sandbox``       :func:`visible_parts`: what is mounted
``sandbox.fork_server``   :func:`is_present`: what can be imported
``sandbox.limits``        :func:`opened`
``grading.task``          :func:`can_change_marks`
========================= =========================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path, PurePath

__all__ = [
    "CLOSED_LIBRARIES",
    "COURSE",
    "ROOTS",
    "WORKER",
    "can_change_marks",
    "is_closed",
    "is_present",
    "opened",
    "visible_parts",
]

COURSE = "aigc_course"

#: Open to every answer, with all that is in them: what the set-up code of a lesson names.
_OPEN = ("data", "errors", "files", "places", "plots", "policy", "runtime")
#: But for these, which do what exercises ask for.
_CLOSED_WITHIN = ("data.augment",)
#: In the sandbox because the worker process runs them.
WORKER = (
    "classroom.sandbox.codec",
    "classroom.sandbox.confine",
    "classroom.sandbox.fork_server",
    "classroom.sandbox.rpc",
    "classroom.sandbox.worker",
    "judging.forbidden",
    "judging.handed",
)
#: What lessons and judges give to answers out of modules that are closed, as patterns.
_OPEN_NAMES = (
    "classroom.sandbox.worker.*",  # stands for the judge's functions and objects
    "exercises.check",
    "exercises.hint",
    "exercises.judge",
    "exercises.solution",
    "exercises.use",
    "judging.core.check",
    "judging.core.judge",
    "judging.core.use",
    "judging.help.*",
)
#: Never in the sandbox, whatever an exercise allows: they hold judges and right answers.
_NEVER = ("classroom", "exercises", "judging")

CLOSED_LIBRARIES = frozenset(
    [
        *("autograd", "cupy", "diffusers", "distributed", "flax", "gensim", "jax", "jieba"),
        *("keras", "mxnet", "nbgrader", "nltk", "optax", "paddle", "peft", "rouge_score"),
        *("sacrebleu", "safetensors", "scipy", "sentencepiece", "skimage", "sklearn"),
        *("statsmodels", "tensorflow", "tiktoken", "timm", "tinygrad", "tokenizers", "torch"),
        *("torchaudio", "torchmetrics", "torchvision", "transformers"),
    ]
)
#: Would take off what watches the calls of an answer.
_TAMPERING = (
    "sys.monitoring.*",
    "sys.setprofile",
    "sys.settrace",
    "threading.setprofile*",
    "threading.settrace*",
)
#: First parts of all names that can be closed.
ROOTS = frozenset([COURSE, *CLOSED_LIBRARIES, *(name.split(".")[0] for name in _TAMPERING)])

#: Files and folders of the package that cannot change a mark.
_NO_MARKS = (
    "__main__.py",
    "_data",  # has a manifest of its own
    "_notebooks",
    "authoring",
    "classroom/report",
    "classroom/workspace",
    "cli",
    "progress",
    "requirements.lock",
)


def _is_in(name: str, parents: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``parents`` (names inside the course) or lies in one."""
    return any(f"{name}.".startswith(f"{COURSE}.{parent}.") for parent in parents)


@lru_cache(maxsize=8192)
def is_closed(module: str, name: str, allows: Sequence[str] = ()) -> bool:
    """Whether an answer may not call ``name`` of ``module``.

    Args:
        module: where it is defined.
        name: its qualified name there.
        allows: of the exercise, as a tuple.

    Example:
        >>> is_closed("aigc_course.engine.creation", "tensor")
        True
        >>> is_closed("aigc_course.engine.creation", "tensor", ("aigc_course.engine.tensor",))
        False
        >>> is_closed("aigc_course.not_written_yet", "answer"), is_closed("numpy", "exp")
        (True, False)
    """
    for ending in (".__init__", ".__new__", ".__call__"):
        name = name.removesuffix(ending)
    full = f"{module}.{name}"
    root = full.partition(".")[0]
    if root == COURSE:
        closed = not _is_open(module, name, full)
    else:
        closed = root in CLOSED_LIBRARIES or any(fnmatchcase(full, one) for one in _TAMPERING)
    if closed and allows:
        parts = module.split(".")  # as it may be written: from each package around it
        spellings = [".".join([*parts[:k], name]) for k in range(len(parts), 0, -1)]
        for pattern in allows:
            bare = pattern.removeprefix("!")
            if any(fnmatchcase(spelling, bare) for spelling in spellings):
                closed = pattern.startswith("!")
    return closed


def _is_open(module: str, name: str, full: str) -> bool:
    if _is_in(full, _OPEN):
        return not _is_in(full, _CLOSED_WITHIN)
    if any(fnmatchcase(full, f"{COURSE}.{pattern}") for pattern in _OPEN_NAMES):
        return True
    # what a judge made for the answer to call: a function of its own, an object of a private class
    if module.startswith(f"{COURSE}.exercises.ex") and name.startswith("_"):
        return "." in name
    return "<locals>" in name and module.startswith(
        (f"{COURSE}.exercises.ex", f"{COURSE}.judging.")
    )


def opened(allows: Iterable[str]) -> frozenset[str]:
    """The packages of the course and the libraries that these patterns bring into the sandbox.

    Raises:
        ValueError: a pattern opens the course without saying which part of it.

    Example:
        >>> sorted(opened(("aigc_course.engine.*", "!aigc_course.engine.fit", "torch.nn.*")))
        ['aigc_course.engine', 'torch']
    """
    found: set[str] = set()
    for pattern in allows:
        root, _, rest = pattern.partition(".")
        if pattern.startswith("!"):
            continue
        if root != COURSE:
            found.update(library for library in CLOSED_LIBRARIES if fnmatchcase(library, root))
            continue
        package = next((p for p in _CLOSED_WITHIN if rest.startswith(p)), rest.partition(".")[0])
        if not package.replace(".", "").isidentifier():
            raise ValueError(
                f"allows: got {pattern!r}, wanted a pattern such as 'aigc_course.engine.*'"
            )
        if package not in _NEVER:
            found.add(f"{COURSE}.{package}")
    return frozenset(found)


def is_present(module: str, opens: Iterable[str] = ()) -> bool:
    """Whether ``module`` can be imported in a sandbox.

    Args:
        module: dotted name.
        opens: what the exercise brings in, from :func:`opened`.

    Example:
        >>> is_present("aigc_course.plots.charts"), is_present("aigc_course.exercises.ex01")
        (True, False)
        >>> is_present("torch.nn"), is_present("torch.nn", {"torch"})
        (False, True)
    """
    root = module.partition(".")[0]
    if root != COURSE:
        return root not in CLOSED_LIBRARIES or root in opens
    inside = [name.removeprefix(f"{COURSE}.") for name in opens if name.startswith(f"{COURSE}.")]
    if _is_in(module, _CLOSED_WITHIN) and not _is_in(module, inside):
        return False
    known = (*_OPEN, *WORKER, *inside)
    leads_there = any(f"{COURSE}.{name}".startswith(f"{module}.") for name in known)
    return leads_there or _is_in(module, known)


def visible_parts(package: Path, opens: Iterable[str] = ()) -> list[Path]:
    """Files and folders of the course that a sandbox shows, relative to ``package``.

    Example:
        >>> found = visible_parts(Path(__file__).parent)
        >>> Path("runtime.py") in found, Path("exercises") in found
        (True, False)
    """
    opens = tuple(opens)
    found: list[Path] = []

    def walk(folder: Path, module: str) -> None:
        for path in sorted(folder.iterdir()):
            name = module if path.stem == "__init__" else f"{module}.{path.stem}"
            if path.name == "__pycache__" or not is_present(name, opens):
                continue
            if path.is_dir() and not _is_whole(name, opens):
                walk(path, name)
            elif path.is_dir() or path.suffix == ".py":
                found.append(path.relative_to(package))

    walk(package, COURSE)
    return found


def _is_whole(package: str, opens: Iterable[str]) -> bool:
    """Whether nothing that lies in ``package`` is absent."""
    closed_within = any(f"{COURSE}.{name}".startswith(f"{package}.") for name in _CLOSED_WITHIN)
    return is_present(f"{package}.*", opens) and not closed_within


def can_change_marks(path: PurePath) -> bool:
    """Whether a file of the course, given relative to the package, can change a mark.

    Example:
        >>> can_change_marks(PurePath("engine/ops/conv.py"))
        True
        >>> can_change_marks(PurePath("cli/main.py"))
        False
    """
    if any(part == "__pycache__" or part.startswith(".") for part in path.parts):
        return False
    return not any(path.is_relative_to(other) for other in _NO_MARKS)
