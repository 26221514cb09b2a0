"""The filter of system calls lets pass what it should, on both processors; it is run here as the kernel runs it."""

import struct
import sys
from pathlib import Path

import pytest

from medusa.cage import exposes
from medusa.launcher import Step, rights, steps

ALLOW, REFUSE, MISSING, KILL = 0x7FFF0000, 0x5000D, 0x50026, 0x80000000
ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NUMBERS = {
    "socket": {"x86_64": 41, "aarch64": 198},
    "socketpair": {"x86_64": 53, "aarch64": 199},
    "connect": {"x86_64": 42, "aarch64": 203},
    "sendto": {"x86_64": 44, "aarch64": 206},
    "sendmsg": {"x86_64": 46, "aarch64": 211},
    "sendmmsg": {"x86_64": 307, "aarch64": 269},
    "prlimit64": {"x86_64": 302, "aarch64": 261},
    "io_uring_setup": {"x86_64": 425, "aarch64": 425},
    "truncate": {"x86_64": 76, "aarch64": 45},
    "ftruncate": {"x86_64": 77, "aarch64": 46},
    "fchmod": {"x86_64": 91, "aarch64": 52},
    "fchmodat": {"x86_64": 268, "aarch64": 53},
    "fchownat": {"x86_64": 260, "aarch64": 54},
    "setpgid": {"x86_64": 109, "aarch64": 154},
    "setsid": {"x86_64": 112, "aarch64": 157},
    "read": {"x86_64": 0, "aarch64": 63},
    "execve": {"x86_64": 59, "aarch64": 221},
}
UNIX, INET, INET6, NETLINK, PACKET = 1, 2, 10, 16, 17
STREAM, DGRAM, RAW, CLOEXEC = 1, 2, 3, 0o2000000
FASTOPEN = 0x20000000


def run(program: list[Step], arch: int, number: int, *arguments: int) -> int:
    """Interpret a classic BPF program over struct seccomp_data (seccomp(2)) and return its verdict."""
    padded = (*arguments, *(0,) * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, arch, 0, *(argument & (1 << 64) - 1 for argument in padded))
    place = value = 0
    while True:
        code, yes, no, operand = program[place]
        place += 1
        if code == 0x06:
            return operand
        if code == 0x20:
            value = int(struct.unpack_from("<I", data, operand)[0])
        elif code == 0x54:
            value &= operand
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            place += yes if holds else no


@pytest.mark.parametrize("machine", ARCH)
@pytest.mark.parametrize(
    ("call", "arguments", "alone", "networked"),
    [
        ("read", (3,), ALLOW, ALLOW),
        ("execve", (), ALLOW, ALLOW),
        ("connect", (3,), ALLOW, ALLOW),
        ("ftruncate", (3, 0), ALLOW, ALLOW),
        ("fchmod", (3, 0), ALLOW, ALLOW),
        ("socketpair", (UNIX, STREAM, 0), ALLOW, ALLOW),
        ("socket", (INET, STREAM, 0), REFUSE, ALLOW),
        ("socket", (INET6, STREAM | CLOEXEC, 6), REFUSE, ALLOW),
        ("socket", (INET, STREAM, 262), REFUSE, REFUSE),
        ("socket", (INET, STREAM, 132), REFUSE, REFUSE),
        ("socket", (INET, DGRAM, 0), REFUSE, REFUSE),
        ("socket", (INET6, DGRAM | CLOEXEC, 17), REFUSE, REFUSE),
        ("socket", (INET, RAW, 1), REFUSE, REFUSE),
        ("socket", (UNIX, STREAM, 0), REFUSE, REFUSE),
        ("socket", (NETLINK, RAW, 0), REFUSE, REFUSE),
        ("socket", (PACKET, RAW, 0), REFUSE, REFUSE),
        ("socket", (INET | 1 << 32, DGRAM, 0), REFUSE, REFUSE),
        ("sendto", (3, 0, 1, 0), ALLOW, ALLOW),
        ("sendto", (3, 0, 1, FASTOPEN | 0x4000), REFUSE, REFUSE),
        ("sendmsg", (3, 0, 0x4000), ALLOW, ALLOW),
        ("sendmsg", (3, 0, FASTOPEN), REFUSE, REFUSE),
        ("sendmmsg", (3, 0, 1, FASTOPEN), REFUSE, REFUSE),
        ("prlimit64", (0, 7), ALLOW, ALLOW),
        ("prlimit64", (1234, 7), REFUSE, REFUSE),
        ("io_uring_setup", (8,), MISSING, MISSING),
        ("truncate", (), REFUSE, REFUSE),
        ("fchmodat", (), REFUSE, REFUSE),
        ("fchownat", (), REFUSE, REFUSE),
        ("setpgid", (0, 0), REFUSE, REFUSE),
        ("setsid", (), REFUSE, REFUSE),
    ],
)
def test_the_filter(machine: str, call: str, arguments: tuple[int, ...], alone: int, networked: int) -> None:
    number = NUMBERS[call][machine]
    verdicts = [run(steps(machine, network=network), ARCH[machine], number, *arguments) for network in (False, True)]
    assert verdicts == [alone, networked]


def test_calls_of_other_processors_have_other_numbers_and_end_the_program() -> None:
    program = steps("x86_64", network=True)
    assert run(program, 0x40000003, 359, INET, DGRAM) == KILL
    assert run(program, ARCH["x86_64"], 0x40000000 | 41, INET, STREAM) == REFUSE


@pytest.mark.parametrize(("abi", "bits"), [(1, 13), (2, 14), (3, 15), (4, 15), (5, 16), (6, 16), (9, 16)])
def test_no_right_is_handled_that_the_kernel_does_not_know(abi: int, bits: int) -> None:
    assert rights(abi) == 2**bits - 1


def test_what_lies_among_programs_is_in_sight_of_children(tmp_path: Path) -> None:
    assert exposes(Path("/usr/share/medusa"))
    assert exposes(Path(sys.prefix, "lib"))
    assert not exposes(tmp_path)
    assert not exposes(Path("/etc/medusa.key"))
    assert not exposes(Path("/usr/src/app/sessions"))
    assert not exposes(Path(sys.prefix).parent / "sessions")
