"""Random histories of edits, renames, deletions, new lessons and crashes: no work is ever lost.

The machine keeps a model of the folder: which files the learner has written, and which are still
as delivered. A crash is met between any two writes: from that moment on every call that writes
fails, clean-up included, as it would if the power went.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aigc_course.classroom import workspace
from aigc_course.classroom.workspace import deliver, reset
from test_workspace import NOW, Fake

NAMES = ["01_one", "02_two", "03_three"]
CALLS = ["replace", "unlink", "fsync"]


class PowerCut(BaseException):
    """Not an Exception: nothing may catch it."""


class Weak:
    """``os`` for the module under test; the power goes at its n-th writing call, for good."""

    def __init__(self, calls: int, after: bool) -> None:
        self.left, self.after, self.dead = calls, after, False

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._guarded(real) if name in CALLS else real

    def _guarded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self.left -= 1
            if self.dead or (self.left < 0 and not self.after):
                self.dead = True
                raise PowerCut
            result = real(*args)
            if self.left < 0:
                self.dead = True
                raise PowerCut
            return result

        return call


class Folder(RuleBasedStateMachine):
    """One learner, one folder, any order of events."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.folder = self.root / "我的 课程"
        self.edits = 0
        self.versions = 0
        self.course = Fake()
        self.mine: dict[str, str] = {}  # what the learner wrote last, by file name
        self.offered: dict[str, str] = {}  # newest text a completed delivery has given
        self.perhaps: dict[str, set[str]] = {}  # given by one that was cut off, maybe not noted
        self.deleted: set[str] = set()  # lessons the learner took away
        self.unsure: set[str] = set()  # the same, of those given perhaps: may come once more

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
            for known in (self.offered, self.perhaps, self.deleted, self.unsure):
                known.clear()  # nobody can know any more

    # --- deliveries

    @rule(restore=st.booleans())
    def update(self, restore: bool) -> None:
        changes = deliver(self.folder, self.course, restore=restore)
        for change in changes:
            if change.kind in ("new", "updated", "beside", "restored"):
                assert change.path.read_bytes() == self.course.lessons[change.lesson]
                assert change.path.name not in self.mine or (
                    self.mine[change.path.name].encode() == self.course.lessons[change.lesson]
                )
            if change.kind == "restored":
                assert restore
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
        assert not list((self.folder / ".aigc").glob("tmp-*"))

    @rule(calls=st.integers(0, 14), after=st.booleans(), restore=st.booleans())
    def power_cut(self, calls: int, after: bool, restore: bool) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(workspace, "os", Weak(calls, after))
            with suppress(PowerCut):
                deliver(self.folder, self.course, restore=restore)
        for name in self.present() if restore else ():
            self.back(name)
        for name, content in self.course.lessons.items():  # as far as it got
            if any((self.folder / n).read_bytes() == content for n in self.present()):
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
        self.offered[names[0]] = self.course.lessons[names[0]].decode()

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
TestFolder.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
