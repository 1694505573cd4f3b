"""Taking rights away from the process in which an answer runs. Linux only.

Run after the fork and before the first of the learner's statements, in two steps: the supervisor
calls :func:`separate`, its child, the worker process, which is the first one of the new process
namespace, calls :func:`enter`.
Everything here may only be called from a single thread.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_NEWCGROUP = 0x02000000
_NEW_ANY = (
    CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET
) | CLONE_NEWCGROUP
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 22, 38, 24

_libc = ctypes.CDLL(None, use_errno=True)


class ConfinementError(OSError):
    """The kernel refused a part of the confinement; no answer is run without it."""


def _call(what: str, result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise ConfinementError(number, f"{what}: {os.strerror(number)}")


def separate(as_root: bool) -> None:
    """Give the next child its own processes, mounts and IPC (and users, unless we are root).

    Args:
        as_root: real root changes the user id later instead, so that process limits count.
    """
    flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS
    uid, gid = os.geteuid(), os.getegid()
    if not as_root:
        flags |= CLONE_NEWUSER
    _call("unshare", _libc.unshare(flags))
    if not as_root:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"1000 {uid} 1"),
            ("gid_map", f"1000 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def enter(request: dict[str, Any]) -> None:
    """Private ``/tmp`` and ``/proc``, an unprivileged user, no capabilities, limits, seccomp.

    Args:
        request: ``as_root``, ``uid``, ``below_tmp`` (folders to be seen there) and the fields of
            :class:`~aigc_course.classroom.sandbox.limits.Limits`.
    """
    uid = request["uid"] if request["as_root"] else 1000
    have = address_space()
    _mount("none", "/", None, MS_REC | MS_PRIVATE, None)
    size = f"size={request['tmp_mib']}m,nr_inodes=4096,mode=0700,uid={uid},gid={uid}"
    # a course that is installed below /tmp must stay visible on top of the private one
    kept = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in request["below_tmp"]]
    _mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, size)
    for path, folder in kept:
        os.makedirs(path, mode=0o755)
        _mount(f"/proc/self/fd/{folder}", path, None, MS_BIND | MS_REC, None)
        os.close(folder)
    quiet = MS_NOSUID | MS_NODEV | MS_NOEXEC
    try:
        _mount("proc", "/proc", "proc", quiet, "hidepid=2,subset=pid")
    except (
        ConfinementError
    ):  # not allowed inside some containers: better none than the fork server's
        _mount("tmpfs", "/proc", "tmpfs", MS_RDONLY | quiet, "size=4k")
    os.chdir("/tmp")
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # past the last one
    if request["as_root"]:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    limit(request, have)
    _call("prctl", _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _no_capabilities()
    _seccomp()


def address_space() -> int:
    """Bytes of address space this process has; 0 where that cannot be told."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def limit(request: dict[str, Any], have: int) -> None:
    """Resource limits that hold for this process and all it may start.

    Args:
        have: address space it has already (the fork server's libraries).
    """
    mib = 1 << 20
    cpu = int(request["total_seconds"]) + 1
    for name, value in (
        ("RLIMIT_AS", have + int(request["memory_mib"]) * mib),
        ("RLIMIT_CPU", cpu),
        ("RLIMIT_FSIZE", int(request["file_mib"]) * mib),
        ("RLIMIT_NPROC", int(request["processes"])),
        ("RLIMIT_NOFILE", 64),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MSGQUEUE", 0),
        ("RLIMIT_MEMLOCK", 0),
    ):
        which = getattr(resource, name, None)
        if which is not None:
            _lower(which, value)


def _lower(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(which, (value, value))


def _mount(source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    encoded = [None if x is None else x.encode() for x in (source, target, kind, data)]
    result = _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3])
    _call(f"mount {target}", result)


def _no_capabilities() -> None:
    header = struct.pack("<Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _call("capset", _libc.capset(header, bytes(24)))


# Calls no answer needs: other processes' memory, mounts, namespaces, keys, kernel facilities that
# have been ways out before, sockets (the network namespace is empty anyway), and memory that
# counts for no process: shared segments, message queues, files that exist in memory only.
_DENIED = {
    "x86_64": (
        *(101, 103, 135, 155, 159, 161, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173),
        *(175, 176, 179, 227, 246, 248, 249, 250, 272, 298, 303, 304, 308, 310, 311, 312, 313),
        *(320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 41, 53),
        *(29, 30, 64, 68, 240, 319, 447),
    ),
    "aarch64": (
        *(117, 116, 92, 41, 171, 51, 89, 170, 40, 39, 224, 225, 142, 161, 162, 105, 106, 60),
        *(112, 104, 217, 218, 219, 97, 241, 264, 265, 268, 270, 271, 272, 273, 294, 280, 282),
        *(425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 442, 198, 199),
        *(194, 196, 190, 186, 180, 279, 447),
    ),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE3 = 435
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000


def _filter(machine: str) -> bytes:
    """The seccomp program: denied calls fail; clone3 seems absent, so that libc uses clone."""

    def statement(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("<HBBI", code, yes, no, k)

    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    deny = statement(give, _ERRNO | errno.EPERM)
    program = [statement(load, 4), statement(equal, _AUDIT[machine], 1, 0), deny]
    program.append(statement(load, 0))
    program += [statement(at_least, 0x40000000, 0, 1), deny]  # the x32 numbering
    for number in _DENIED[machine]:
        program += [statement(equal, number, 0, 1), deny]
    program += [statement(equal, _CLONE3, 0, 1), statement(give, _ERRNO | errno.ENOSYS)]
    program += [statement(equal, _CLONE[machine], 0, 3), statement(load, 16)]
    program += [statement(any_bit, _NEW_ANY, 0, 1), deny]
    program.append(statement(give, _ALLOW))
    return b"".join(program)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _seccomp() -> None:
    machine = platform.machine()
    if machine not in _DENIED:
        return  # the namespaces and limits hold all the same; see the threat model
    code = _filter(machine)
    program = _Program(len(code) // 8, code)
    _call("seccomp", _libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0))
