"""A file is there as a whole or not at all, with the permissions it should have."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aigc_course import files
from aigc_course.files import TEMPORARY, write_atomically

POSIX = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with ``old`` in it, alone in a folder."""
    path = tmp_path / "成绩 1.csv"
    path.write_bytes(b"old")
    return path


@pytest.fixture(params=[0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def alone(path: Path) -> bool:
    return [found.name for found in path.parent.iterdir()] == [path.name]


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def temporary(path: Path) -> Path:
    (found,) = path.parent.glob(f"{TEMPORARY}*")
    return found


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("得分\n\r\n", "得分\n\r\n".encode()),
        (b"a\nb", b"a\nb"),
        (b"", b""),
        ([], b""),
        ((piece for piece in (b"a", b"", b"b")), b"ab"),
    ],
)
def test_text_bytes_and_pieces(path: Path, data: Any, wanted: bytes) -> None:
    for target in (path, path.with_name("new")):
        data = list(data) if not isinstance(data, str | bytes) else data
        assert write_atomically(target, data) is True
        assert target.read_bytes() == wanted
    assert len(list(path.parent.iterdir())) == 2


def test_it_is_made_elsewhere_if_so_wished(path: Path) -> None:
    aside = path.parent / "aside"
    aside.mkdir()

    def there() -> bool:
        (found,) = aside.iterdir()
        return found.name.startswith(TEMPORARY) and found.read_bytes() == b"new"

    assert write_atomically(path, b"new", folder=aside, only_if=there)
    assert path.read_bytes() == b"new" and not list(aside.iterdir())


def test_the_last_word_is_no(path: Path) -> None:
    def no() -> bool:
        assert temporary(path).read_bytes() == b"new" and path.read_bytes() == b"old"
        return False

    assert write_atomically(path, b"new", only_if=no) is False
    assert path.read_bytes() == b"old" and alone(path)


# --- whole or not at all ---------------------------------------------------------------------

KILLED = """
import os, sys
from aigc_course.files import write_atomically

def die():
    os.kill(os.getpid(), 9) if os.name == "posix" else os._exit(9)

def pieces():
    yield b"new" * 100_000
    if sys.argv[2] == "amid":
        die()
    yield b"new"

write_atomically(sys.argv[1], pieces(), only_if=die)
"""


@pytest.mark.parametrize("when", ["amid", "before the move"])
def test_killed(path: Path, when: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, path, when], capture_output=True)
    assert done.returncode in (-9, 9), done.stderr
    assert path.read_bytes() == b"old"
    assert temporary(path).name.startswith(".")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


FULL = """
import errno, resource, sys
from aigc_course.files import write_atomically

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_atomically(sys.argv[1], (b"n" * 30_000 for _ in range(100)))
except OSError as error:
    assert error.errno == errno.EFBIG and error.filename == sys.argv[1], error
else:
    raise AssertionError("written")
"""


@POSIX
def test_no_room_after_a_part_of_it(path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL, path], check=True)
    assert path.read_bytes() == b"old" and alone(path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk(path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*names: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", *names[: call == "replace"])

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space") as caught:
            write_atomically(path, b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old" and alone(path)


def test_broken_off_by_the_person_or_by_what_gives_the_pieces(path: Path) -> None:
    def broken(error: BaseException) -> Iterator[bytes]:
        yield b"new"
        raise error

    for error in (KeyboardInterrupt(), ValueError(), FileNotFoundError(2, "no", "source")):
        with pytest.raises(type(error)) as caught:
            write_atomically(path, broken(error))
        assert caught.value is error  # an error of the source names the source
        assert path.read_bytes() == b"old" and alone(path)


def test_no_folder_and_a_folder_of_that_name(path: Path) -> None:
    for target in (path.parent / "none" / "x", path / "x", path.parent):
        with pytest.raises(OSError) as caught:
            write_atomically(target, b"new")
        assert caught.value.filename == str(target)
    assert alone(path)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_folder(path: Path) -> None:
    path.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError) as caught:
            write_atomically(path, b"new")
        assert caught.value.filename == str(path)
        assert path.read_bytes() == b"old" and alone(path)
    finally:
        path.parent.chmod(0o755)


# --- permissions -----------------------------------------------------------------------------


@POSIX
def test_a_new_file_has_what_the_umask_leaves(path: Path, umask: int) -> None:
    path.unlink()
    write_atomically(path, b"new")
    assert mode(path) == 0o666 & ~umask


@POSIX
@pytest.mark.parametrize("before", [0o600, 0o644, 0o664, 0o444])
def test_a_file_keeps_what_it_has(path: Path, umask: int, before: int) -> None:
    path.chmod(before)
    write_atomically(path, b"new")
    assert mode(path) == before and path.read_bytes() == b"new"


@POSIX
@pytest.mark.parametrize("before", [0o644, None])
def test_a_private_file_is_never_open_to_others(path: Path, umask: int, before: int | None) -> None:
    path.chmod(before) if before else path.unlink()
    seen: list[int] = []

    def pieces() -> Iterator[bytes]:
        seen.append(mode(temporary(path)))
        yield b"new"
        seen.append(mode(temporary(path)))

    write_atomically(path, pieces(), mode=0o600)
    assert {*seen, mode(path)} == {0o600}


@POSIX
def test_a_link_is_replaced_and_not_followed(path: Path, umask: int) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    path.chmod(0o640)
    write_atomically(link, b"new")
    assert not link.is_symlink() and link.read_bytes() == b"new"
    assert path.read_bytes() == b"old"
    assert (mode(link), mode(path)) == (0o666 & ~umask, 0o640)


class Windows:
    """``os`` as on Windows, where nothing replaces a read-only file."""

    name = "nt"

    def __getattr__(self, name: str) -> Any:
        if name == "O_DIRECTORY":
            raise AttributeError(name)
        return getattr(os, name)

    @staticmethod
    def replace(old: str, new: Path) -> None:
        if os.path.exists(new) and not mode(new) & stat.S_IWRITE:
            raise PermissionError(errno.EACCES, "Access is denied", old, 5, str(new))
        os.replace(old, new)


def test_a_read_only_file_on_windows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "os", Windows())
    path.chmod(stat.S_IREAD)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and alone(path)
