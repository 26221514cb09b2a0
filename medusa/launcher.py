"""Becomes a child's program once death signal, limits and cage are laid on; it runs by its path, between fork and exec.

A ``preexec_fn`` may deadlock in a process with threads, so a tiny interpreter does this instead. It needs nothing but
the standard library, and little of that: each child waits for it.
"""

import ctypes
import os
import resource
import stat
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_SIGINT, _SIGKILL, _SIG_DFL = 2, 9, 0
"""Importing the module ``signal`` would take longer than all the rest."""
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
"""prctl(2)."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Landlock's system calls, by the same numbers on every architecture."""
_RULE_PATH, _RULE_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_CONTROL = 1 << 15
"""ioctl(2) on devices, from version 5 on."""
_SPECIAL = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12
"""Making devices, sockets, pipes and symbolic links: no program needs them, and whoever opens them falls for them."""
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _CONTROL
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_CONNECT_TCP = 2
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32 = 0x40000000
_IO_URING_SETUP = 425
_SOCKET = {"x86_64": 41, "aarch64": 198}
_SENDTO = {"x86_64": 44, "aarch64": 206}
_SENDMSG = {"x86_64": 46, "aarch64": 211}
_SENDMMSG = {"x86_64": 307, "aarch64": 269}
_PRLIMIT = {"x86_64": 302, "aarch64": 261}
_BY_PATH = {"x86_64": (76, 90, 92, 94, 260, 268, 452), "aarch64": (45, 53, 54, 452)}
"""truncate, chmod, chown, lchown, fchownat, fchmodat and fchmodat2: what Landlock, or an old one, lets pass."""
_AWAY = {"x86_64": (109, 112), "aarch64": (154, 157)}
"""setpgid and setsid: who leaves the group of the child would live on when it is ended."""
_MSG_FASTOPEN = 0x20000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _MISSING = 0x00050000 | 13, 0x00050000 | 38
"""EACCES; ENOSYS, for what programs can do without."""
_NUMBER, _ARCH = 0, 4
_ARGUMENTS = (16, 24, 32, 40, 48)
"""Where seccomp_data keeps the lower halves of the arguments (little endian)."""


def landlock_abi() -> int:
    """Ask the kernel for the version of its Landlock; 0 when there is none, or when it is switched off."""
    return max(0, _call(_CREATE_RULESET, None, 0, 1)) if sys.platform == "linux" else 0


def has_filter() -> bool:
    """Whether the kernel takes filters of system calls (seccomp(2)), and the filter below knows the machine."""
    number = _SECCOMP.get(_machine())
    # A program at address 0 cannot be read: the kernel that says so has looked for it.
    return number is not None and _call(number, 1, 4, None) < 0 and ctypes.get_errno() == 14


def main(arguments: list[str]) -> None:
    """Lay on what the arguments say and become the program.

    They are: the parent's id; the most bytes of a file, seconds of computing, and bytes of memory (0: no limit); the
    version of Landlock to use (-1: no cage at all); whether to filter system calls; the port that may be connected to
    (0: none); how many paths may be read; how many devices may be used; these paths; these devices; the program and its
    arguments.
    """
    parent, size, cpu, memory, abi, filtered, port, count, used = (int(word) for word in arguments[:9])
    paths, rest = arguments[9 : 9 + count], arguments[9 + count :]
    devices, argv = rest[:used], rest[used:]
    _LIBC.signal(_SIGINT, _SIG_DFL)
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    # The signal is bound to the thread that forks: that is the event loop's, which lives as long as the process. What
    # ended before it was set is seen here.
    if os.getppid() != parent:
        os._exit(125)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, 1024)
    for kind, most in ((resource.RLIMIT_FSIZE, size), (resource.RLIMIT_CPU, cpu), (resource.RLIMIT_DATA, memory)):
        if most:
            _limit(kind, most)
    if abi >= 0:
        _volunteer()
        _confine(abi, bool(filtered), port, paths, devices)
    os.execv(argv[0], argv)  # noqa: S606 - there is no shell in it


def _limit(kind: int, most: int) -> None:
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    # Beyond the soft limit of computing time comes SIGXCPU, by which the parent knows; beyond the hard one SIGKILL.
    slack = 5 if kind == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or most + 5 <= hard) else 0
    resource.setrlimit(kind, (most, most + slack))


def _volunteer() -> None:
    """When the machine runs out of memory, the child shall go rather than its parent (proc_pid_oom_score_adj(5))."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib takes too long
            file.write("500")
    except OSError:
        return


def _confine(abi: int, filtered: bool, port: int, paths: list[str], devices: list[str]) -> None:
    # Neither Landlock nor a filter may be set by a process that could become another user by running a program.
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    if abi:
        _landlock(abi, port, paths, devices)
    if filtered:
        _filter(_machine(), network=bool(port))


def _landlock(abi: int, port: int, paths: list[str], devices: list[str]) -> None:
    """Give up all rights but the named ones; see https://docs.kernel.org/userspace-api/landlock.html."""
    everything = rights(abi)
    handled = struct.pack("=QQQ", everything, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _done(_call(_CREATE_RULESET, handled[:size], size, 0))
    for path in paths:
        _allow(ruleset, path, _READ & everything)
    for path in _DEVICES:
        _allow(ruleset, path, (_READ_FILE | _WRITE_FILE) & everything)
    for path in devices:
        _allow(ruleset, path, (_READ_FILE | _WRITE_FILE | _CONTROL) & everything)
    if devices:
        _allow(ruleset, "/dev", _READ_DIR)  # drivers look there for theirs
    _allow(ruleset, ".", everything & ~_SPECIAL & ~_EXECUTE)
    if abi >= 4 and port:
        _done(_call(_ADD_RULE, ruleset, _RULE_PORT, struct.pack("=QQ", _CONNECT_TCP, port), 0))
    _done(_call(_RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def rights(abi: int) -> int:
    """Return the rights to files that a version of Landlock knows, as its bits."""
    return (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1


def _allow(ruleset: int, path: str, access: int) -> None:
    """Allow this access beneath a path; what does not exist needs no rule."""
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not stat.S_ISDIR(os.fstat(handle).st_mode):
        access &= _ON_FILES
    _done(_call(_ADD_RULE, ruleset, _RULE_PATH, struct.pack("=Qi", access, handle), 0))
    os.close(handle)


def _filter(machine: str, *, network: bool) -> None:
    """Refuse the system calls that lead past Landlock, with or without it; see seccomp(2)."""
    program = b"".join(struct.pack("=HBBI", *step) for step in steps(machine, network=network))
    buffer = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    # 4: keep the processor's speculation as it is, which would else slow the program down on older kernels.
    _done(_call(_SECCOMP[machine], 1, 4, header))


Step = tuple[int, int, int, int]
"""An instruction of the filter: code, how many to skip when a test holds and when not, operand."""


def steps(machine: str, *, network: bool) -> list[Step]:
    """Return the filter. Sockets are TCP's, or none without ``network``.

    MPTCP, UDP and Unix sockets are none of Landlock's business, a connection that is opened by sending its first bytes
    (MSG_FASTOPEN) escapes it, and io_uring escapes filters. Nobody leaves the group that is ended as a whole.
    """
    program: list[Step] = [(_LOAD, 0, 0, _ARCH), (_EQUAL, 1, 0, _AUDIT_ARCH[machine]), (_RETURN, 0, 0, _KILL)]
    program += [(_LOAD, 0, 0, _NUMBER), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    program += _when(_IO_URING_SETUP, [(_RETURN, 0, 0, _MISSING)])
    for number in (*_BY_PATH[machine], *_AWAY[machine]):
        program += _when(number, [(_RETURN, 0, 0, _REFUSE)])
    sockets = [*_only(0, (2, 10)), *_only(1, (1,), mask=0xF), *_only(2, (0, 6))] if network else _only(0, ())
    program += _when(_SOCKET[machine], sockets)
    for number, flags in ((_SENDTO[machine], 3), (_SENDMSG[machine], 2), (_SENDMMSG[machine], 3)):
        load = (_LOAD, 0, 0, _ARGUMENTS[flags])
        program += _when(number, [load, (_ANY_BIT, 0, 1, _MSG_FASTOPEN), (_RETURN, 0, 0, _REFUSE)])
    program += _when(_PRLIMIT[machine], _only(0, (0,)))
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _when(number: int, then: list[Step]) -> list[Step]:
    """Run these steps for one system call only."""
    return [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, len(then), number), *then]


def _only(argument: int, values: tuple[int, ...], mask: int = 0xFFFFFFFF) -> list[Step]:
    """Refuse the call unless the argument has one of these values."""
    tests = [(_EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [(_LOAD, 0, 0, _ARGUMENTS[argument]), (_AND, 0, 0, mask), *tests, (_RETURN, 0, 0, _REFUSE)]


def _machine() -> str:
    """Return the name of the processor; a 32-bit interpreter has other system calls, which nothing here knows."""
    return os.uname().machine if sys.platform == "linux" and sys.maxsize > 1 << 32 else ""


def _prctl(option: int, value: int) -> None:
    _done(_LIBC.prctl(option, value, 0, 0, 0))


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; -1 means that it failed, and errno says why."""
    words = [ctypes.c_long(word) if isinstance(word, int) else ctypes.c_char_p(word) for word in arguments]
    _LIBC.syscall.restype = ctypes.c_long
    return int(_LIBC.syscall(ctypes.c_long(number), *words))


def _done(result: int) -> int:
    """Fail rather than start a program in half a cage."""
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
