"""What a local server may reach, put upon a process by itself just before it becomes the server. Linux, standard library only.

Landlock keeps it to the folders that were named, seccomp keeps it from the local sockets between our own processes (Landlock
does not judge those), and both hold for whatever it starts. Nothing here can be undone by the process, nor by root.
"""

import ctypes
import errno
import os
import resource
import stat
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
# Everything up to making device nodes; what newer kernels add comes on top.
_FIRST_RIGHTS = (1 << 13) - 1
_MAKE_DEVICES = 1 << 6 | 1 << 11
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READING = _EXECUTE | _READ_FILE | _READ_DIR
# Neither signals nor abstract sockets reach beyond the jail.
_SCOPES = 0b11

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 22, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_CLONE_NEWUSER, _CLONE_NEWPID = 0x10000000, 0x20000000
_AF_UNIX = 1
# By machine: the mark of its calls, and the number of `socket`. io_uring_setup is the same everywhere.
_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_IO_URING_SETUP = 425
_X32 = 0x40000000
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000

# Where programs, their libraries and what they ask of the machine live. Read only, and without anything of Portico's.
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/proc", "/sys/devices/system/cpu")
CONFIGURATION = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/gitconfig",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl",
    "/etc/timezone",
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_libc = ctypes.CDLL(None, use_errno=True)


class JailImpossible(Exception):
    """This machine cannot keep a process to its folders; the message says what is missing."""


def landlock_version() -> int:
    """0 when the kernel has no Landlock, or it is not switched on."""
    found: int = _libc.syscall(_CREATE_RULESET, None, 0, 1)
    return max(found, 0)


def missing() -> str | None:
    """What this machine lacks, or None when it can enforce a jail."""
    if sys.platform != "linux":
        return "Landlock is part of Linux"
    if os.uname().machine not in _CALLS:
        return f"there is no filter of system calls for {os.uname().machine}"
    if landlock_version() < 1:
        return "the kernel has no Landlock, or lsm= leaves it out"
    return None


def enter(writable: Iterable[str], readable: Iterable[str], never: str) -> None:
    """Keep this process, and all it will start, to these paths and to the system's programs.

    never    a folder that cannot be read through any of the readable paths, though one of them may hold it
    raises   JailImpossible
    """
    lacking = missing()
    if lacking is not None:
        raise JailImpossible(lacking)
    forbid_new_privileges()
    version = landlock_version()
    handled = _FIRST_RIGHTS
    handled |= (
        (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0) | (_IOCTL_DEV if version >= 5 else 0)
    )
    rules = _ruleset(handled, version)
    try:
        for path in (*SYSTEM, *CONFIGURATION, *readable):
            for part in _around(Path(path), Path(never)):
                _allow(rules, str(part), handled & _READING)
        for path in writable:
            _allow(rules, path, handled & ~_MAKE_DEVICES)
        for path in DEVICES:
            _allow(rules, path, handled & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
        if _libc.syscall(_RESTRICT_SELF, rules, 0) != 0:
            raise JailImpossible(f"Landlock refused: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(rules)
    _forbid_local_sockets()


def _around(path: Path, never: Path) -> list[Path]:
    """The path; or, when it holds what must stay hidden, everything in it beside the way there."""
    if path.resolve() == never:
        return []
    if path.resolve() not in never.parents:
        return [path]
    return [part for child in path.iterdir() for part in _around(child, never)]


def _ruleset(handled: int, version: int) -> int:
    attributes = struct.pack("=QQQ", handled, 0, _SCOPES if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules: int = _libc.syscall(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    if rules < 0:
        raise JailImpossible(f"Landlock refused: {os.strerror(ctypes.get_errno())}")
    return rules


def _allow(rules: int, path: str, rights: int) -> None:
    """A path that does not exist is no way out, so it is left aside."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _ON_FILES
        rule = struct.pack("=Qi", rights, place)
        if _libc.syscall(_ADD_RULE, rules, 1, ctypes.c_char_p(rule), 0) != 0:
            raise JailImpossible(f"Landlock refused {path}: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(place)


def _forbid_local_sockets() -> None:
    """`socket(AF_UNIX)` and io_uring (which has a `socket` of its own) are refused; pairs and pipes work as ever."""
    mark, socket_call = _CALLS[os.uname().machine]
    refuse = _REFUSE | errno.EACCES
    steps = [
        (0x20, 0, 0, 4),  # the machine this call is meant for
        (0x15, 0, 8, mark),  # another one: refuse
        (0x20, 0, 0, 0),  # which call
        (0x35, 6, 0, _X32),  # of the other numbering: refuse
        (0x15, 5, 0, _IO_URING_SETUP),
        (0x15, 0, 3, socket_call),
        (0x20, 0, 0, 16),  # its first argument
        (0x15, 2, 0, _AF_UNIX),
        (0x06, 0, 0, _ALLOW),
        (0x06, 0, 0, _ALLOW),
        (0x06, 0, 0, refuse),
    ]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(program, len(program))
    filter_of = struct.pack("@HP", len(steps), ctypes.addressof(kept))
    if _libc.prctl(_PR_SET_SECCOMP, 2, ctypes.c_char_p(filter_of), 0, 0) != 0:
        raise JailImpossible(f"the filter of system calls was refused: {os.strerror(ctypes.get_errno())}")


def forbid_new_privileges() -> None:
    """A program that would run as somebody else runs as us; root's special powers end with the next program."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise JailImpossible(f"no_new_privs was refused: {os.strerror(ctypes.get_errno())}")
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break


def die_with_parent(number: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def adopt_orphans() -> None:
    """What descendants leave behind becomes this process's child, not the machine's."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def open_process_room() -> bool:
    """Have the next child be the first of a room of processes, which ends whole when that child ends. False where none may be had."""
    if _libc.unshare(_CLONE_NEWPID) == 0:
        return True
    if os.getuid() == 0:
        return False
    # Tried by a child first: who got only half of what is needed could not go back.
    child = os.fork()
    if child == 0:
        os._exit(0 if _open_own_room() else 1)
    return os.waitpid(child, 0)[1] == 0 and _open_own_room()


def _open_own_room() -> bool:
    user, group = os.getuid(), os.getgid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWPID) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    return True


def bound(limits: Sequence[tuple[str, int]]) -> None:
    """`limits`: names of `resource` with their value; what the machine allows less of stays at that."""
    for name, wanted in limits:
        which = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(which)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(which, (value, value))
