"""How much memory Medusa takes with its children, and how much there is."""

import os
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LIMIT = Path("/sys/fs/cgroup/memory.max")


def used() -> int:
    """Bytes that this process and all that descend from it hold; 0 where the system does not say.

    What several of them share counts for each.
    """
    parents: dict[int, int] = {}
    held: dict[int, int] = {}
    for entry in os.listdir(_PROC):  # noqa: PTH208 (hundreds, and only names are needed)
        if entry.isdecimal():
            with suppress(OSError, ValueError, IndexError):  # it may end just now
                # What stands in brackets is a name of its own choice.
                after = (_PROC / entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(entry)], held[int(entry)] = int(after[1]), int(after[21]) * _PAGE
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(held.get(one, 0) for one in family)


def most() -> int | None:
    """Bytes that may be used at most: the machine's memory, or the share of it that Medusa was given."""
    found = []
    with suppress(OSError, ValueError):
        found.append(int(_LIMIT.read_text()))  # "max" is no number
    with suppress(OSError, ValueError):
        found.append(meminfo("MemTotal"))
    return min(found, default=None)


def meminfo(name: str) -> int:
    """A value of /proc/meminfo in bytes. Raises OSError and ValueError."""
    for line in (_PROC / "meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise ValueError(name)
