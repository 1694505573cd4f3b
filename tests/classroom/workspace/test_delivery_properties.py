"""Random histories of edits, renames, deletions, new lessons and crashes: no work is ever lost.

The machine keeps a model of the folder: which files the learner has written, and which are still
as delivered. A crash is met between any two writes, or in the middle of one: from that moment on
every call that writes fails, clean-up included, as it would if the power went. A save by another
program may come between any two writes too.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aigc_course import files
from aigc_course.classroom.workspace import delivery
from aigc_course.classroom.workspace.delivery import deliver, reset
from aigc_course.files import TEMPORARY
from tests.classroom.workspace.test_delivery import NOW, Fake

NAMES = ["01_one", "02_two", "03_three"]
CALLS = ["replace", "unlink", "fsync"]
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # no disk to wait for


class PowerCut(BaseException):
    """Not an Exception: nothing may catch it."""


class Watched:
    """``os`` and ``open`` for the modules under test; something happens at a writing call."""

    def __init__(self, happens: Callable[[Callable[..., Any], tuple[Any, ...]], Any]) -> None:
        self.happens = happens

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return partial(self._call, real) if name in CALLS else real

    def _call(self, real: Callable[..., Any], *args: Any) -> Any:
        return self.happens(real, args)

    def open_file(self, path: str, mode: str, **options: Any) -> Any:
        """Like the built-in, but ``write`` is a writing call like the others."""
        file = open(path, mode, **options)  # noqa: SIM115 - the module under test closes it
        return Handle(file, partial(self._call, file.write))

    def install(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(delivery, "os", self)
        patch.setattr(files, "os", self)
        patch.setattr(files, "open", self.open_file, raising=False)


class Handle:
    """A file whose ``write`` is another."""

    def __init__(self, file: IO[Any], write: Callable[..., Any]) -> None:
        self.file, self.write = file, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()


class Weak(Watched):
    """The power goes at the n-th writing call, before, in the middle or after it, for good."""

    def __init__(self, calls: int, when: str) -> None:
        super().__init__(self._weak)
        self.left, self.when, self.dead = calls, when, False

    def _weak(self, real: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        self.left -= 1
        if self.dead:
            raise PowerCut
        if self.left >= 0:
            return real(*args)
        self.dead = True
        if self.when == "amid" and isinstance(args[0], bytes):
            real(args[0][: len(args[0]) // 2])
        elif self.when == "after":
            real(*args)
        raise PowerCut


class Folder(RuleBasedStateMachine):
    """One learner, one folder, any order of events."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(dir=MEMORY))
        self.folder = self.root / "我的 课程"
        self.edits = 0
        self.versions = 0
        self.course = Fake(**{name: f"lesson of {name}" for name in NAMES})
        self.mine: dict[str, str] = {}  # what the learner wrote last, by file name
        self.offered: dict[str, str] = {}  # newest text a completed delivery has given
        self.perhaps: dict[str, set[str]] = {}  # given by one that was cut off, maybe not noted
        self.deleted: set[str] = set()  # lessons the learner took away
        self.unsure: set[str] = set()  # the same, of those given perhaps: may come once more
        self.strange: set[str] = set()  # there when the record was lost: may be anybody's

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    def present(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(path.name for path in self.folder.glob("*.ipynb"))

    # --- the course changes

    @rule(name=st.sampled_from(NAMES), release=st.booleans())
    def new_text(self, name: str, release: bool) -> None:
        self.versions += 1
        if release:
            self.course.version = f"0.{self.versions}.0"
        self.course.lessons[f"{name}.ipynb"] = f"lesson {self.versions}".encode()

    @rule(name=st.sampled_from(NAMES))
    def withdrawn(self, name: str) -> None:
        self.course.lessons.pop(f"{name}.ipynb", None)

    # --- the learner works

    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        if self.present():
            name = data.draw(st.sampled_from(self.present()))
            self.edits += 1
            self.write(name, f"my work {self.edits}")

    @rule(name=st.sampled_from(NAMES))
    def own_file(self, name: str) -> None:
        self.folder.mkdir(exist_ok=True)
        self.edits += 1
        self.write(f"{name}.ipynb", f"my work {self.edits}")

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)
        self.mine[name] = text
        self.back(name)

    def away(self, name: str) -> None:
        self.mine.pop(name, None)
        if name in self.offered:
            self.deleted.add(name)
        elif name in self.perhaps:
            self.unsure.add(name)

    def back(self, name: str) -> None:
        self.deleted.discard(name)
        self.unsure.discard(name)

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if self.present():
            name = data.draw(st.sampled_from(self.present()))
            (self.folder / name).unlink()
            self.away(name)

    @rule(data=st.data(), new=st.sampled_from([f"{n}.ipynb" for n in NAMES] + ["x.ipynb"]))
    def rename(self, data: st.DataObject, new: str) -> None:
        if not self.present():
            return
        old = data.draw(st.sampled_from(self.present()))
        if old == new:
            return
        text = (self.folder / old).read_text()
        (self.folder / old).replace(self.folder / new)
        self.away(old)
        # a delivered file under another name is the learner's doing, so it is the learner's file
        self.mine[new] = text
        self.back(new)

    @rule(text=st.sampled_from(["", "{", '{"format": 1}', "gone"]))
    def record_lost(self, text: str) -> None:
        state = self.folder / ".aigc" / "state.json"
        if state.exists():
            state.unlink() if text == "gone" else state.write_text(text)
            self.strange |= set(self.present())
            for known in (self.offered, self.perhaps, self.deleted, self.unsure):
                known.clear()  # nobody can know any more

    # --- deliveries

    @rule(restore=st.booleans())
    def update(self, restore: bool) -> None:
        changes = deliver(self.folder, self.course, restore=restore)
        for change in changes:
            if change.kind in ("new", "updated", "beside", "restored"):
                assert change.path.read_bytes() == self.course.lessons[change.lesson]
                mine = self.mine.get(change.path.name)
                # a lesson that was renamed and named back is renewed like any other
                assert mine is None or mine.startswith("lesson")
            if change.kind == "restored":
                assert restore
            if change.kind == "beside":  # what was never touched is renewed in place
                assert change.lesson in self.mine or change.lesson in self.strange
        if restore:
            self.deleted -= set(self.course.lessons)
        for name, content in self.course.lessons.items():
            if name in self.deleted or (name in self.unsure and name not in self.present()):
                continue
            self.unsure.discard(name)
            given = {self.offered.get(name), *self.perhaps.get(name, ())}
            if content.decode() not in given:
                texts = [(self.folder / n).read_bytes() for n in self.present()]
                assert content in texts, f"the newest {name} is nowhere"
            self.offered[name] = content.decode()
        assert all(c.kind == "absent" for c in deliver(self.folder, self.course))
        assert not list((self.folder / ".aigc").glob(f"{TEMPORARY}*"))

    @rule(
        name=st.sampled_from(NAMES),
        calls=st.integers(0, 16),
        when=st.sampled_from(["before", "amid", "after"]),
        restore=st.booleans(),
    )
    def power_cut(self, name: str, calls: int, when: str, restore: bool) -> None:
        self.new_text(name, release=False)  # so that there is something to write
        with pytest.MonkeyPatch.context() as patch, suppress(PowerCut):
            Weak(calls, when).install(patch)
            deliver(self.folder, self.course, restore=restore)
        self.as_far_as_it_got(restore)

    def as_far_as_it_got(self, restore: bool) -> None:
        for name in self.present() if restore else ():
            self.back(name)
        for name, content in self.course.lessons.items():
            if any((self.folder / n).read_bytes() == content for n in self.present()):
                self.perhaps.setdefault(name, set()).add(content.decode())

    @rule(
        name=st.sampled_from(NAMES),
        beside=st.booleans(),
        calls=st.integers(0, 8),
        restore=st.booleans(),
    )
    def saved_meanwhile(self, name: str, beside: bool, calls: int, restore: bool) -> None:
        """Another program writes a file of the folder while a delivery is under way."""
        self.new_text(name, release=False)
        target = f"{name}（新版 {self.course.version}）.ipynb" if beside else f"{name}.ipynb"
        left = calls

        def save(real: Callable[..., Any], args: tuple[Any, ...]) -> Any:
            nonlocal left
            left -= 1
            # not before a replace: between a last look and the move there is no room for a check
            if left < 0 and real is os.fsync:
                self.edits += 1
                self.write(target, f"my work {self.edits}")
                left = 1_000
            return real(*args)

        with pytest.MonkeyPatch.context() as patch:
            Watched(save).install(patch)
            deliver(self.folder, self.course, restore=restore)
        self.as_far_as_it_got(restore)
        for name, content in self.course.lessons.items():  # it was given, and maybe written over
            self.perhaps.setdefault(name, set()).add(content.decode())

    @rule(number=st.sampled_from(["1", "02", "3"]))
    def begin_again(self, number: str) -> None:
        names = [n for n in self.course.names() if n.startswith(number.zfill(2))]
        if not names:
            return
        before = self.mine.pop(names[0], None)
        _, kept = reset(self.folder, self.course, number, NOW)
        assert (self.folder / names[0]).read_bytes() == self.course.lessons[names[0]]
        if kept is not None:
            assert before is None or kept.read_text() == before
            self.mine[kept.name] = kept.read_text()
        elif before is not None:  # only what could be had from the course anyway
            assert before.startswith("lesson")
        self.back(names[0])
        self.strange.discard(names[0])
        self.offered[names[0]] = self.course.lessons[names[0]].decode()

    @rule(
        number=st.sampled_from(["1", "02", "3"]),
        calls=st.integers(0, 12),
        when=st.sampled_from(["before", "amid", "after"]),
    )
    def power_cut_while_beginning_again(self, number: str, calls: int, when: str) -> None:
        names = [n for n in self.course.names() if n.startswith(number.zfill(2))]
        if not names:
            return
        name, content = names[0], self.course.lessons[names[0]].decode()
        with pytest.MonkeyPatch.context() as patch, suppress(PowerCut):
            Weak(calls, when).install(patch)
            reset(self.folder, self.course, number, NOW)
        if name in self.present():
            self.back(name)
            found = (self.folder / name).read_text()
            mine = self.mine.get(name)
            if mine is not None and found != mine:
                assert found == content
                del self.mine[name]
                if not mine.startswith("lesson"):  # then a copy must have been kept first
                    kept = [n for n in self.present() if (self.folder / n).read_text() == mine]
                    assert kept, f"{mine} is nowhere"
                    self.mine.setdefault(kept[0], mine)
        self.as_far_as_it_got(restore=False)
        # the record of the offer may be ahead of what the model knows
        self.perhaps.setdefault(name, set()).add(content)

    # --- what always holds

    @invariant()
    def work_is_safe(self) -> None:
        for name, text in getattr(self, "mine", {}).items():
            found = (self.folder / name).read_text()
            # a file that is, byte for byte, a delivered lesson may be renewed; all else may not
            assert found == text or (text.startswith("lesson") and found.startswith("lesson"))

    @invariant()
    def deleted_stays_deleted(self) -> None:
        for name in getattr(self, "deleted", ()):
            assert name not in self.present()


TestFolder = Folder.TestCase
TestFolder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize("when", ["before", "amid", "after"])
@pytest.mark.parametrize("job", ["deliver", "reset"])
def test_what_was_given_is_known_wherever_the_power_went(
    tmp_path: Path, job: str, when: str
) -> None:
    """A lesson put there just before the cut is renewed in place; it is nobody's own work."""
    given = 0
    for calls in range(16):
        folder = tmp_path / str(calls)
        course = Fake(**{"01_one": "first"})
        deliver(folder, course)
        lesson = folder / "01_one.ipynb"
        if job == "reset":
            lesson.write_text("my work")
        course.lessons["01_one.ipynb"] = b"second"
        with pytest.MonkeyPatch.context() as patch, suppress(PowerCut):
            Weak(calls, when).install(patch)
            if job == "reset":
                reset(folder, course, "01", NOW)
            else:
                deliver(folder, course)
        if lesson.read_bytes() != b"second":
            continue
        given += 1
        course.lessons["01_one.ipynb"] = b"third"
        assert [change.kind for change in deliver(folder, course)] == ["updated"]
        assert lesson.read_bytes() == b"third"
    assert given > 2
