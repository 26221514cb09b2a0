"""What a child may reach: the programs of this machine, its work folder, and the port of its proxy."""

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from medusa import launcher

_PROGRAMS = (
    *("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"),
    *("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/usr/libexec", "/usr/share"),
    *("/usr/local/bin", "/usr/local/lib", "/usr/local/lib64", "/usr/local/share"),
)
"""Where systems keep programs, libraries and fonts; not all of /usr, in which people keep projects, too."""
_SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/fonts"),
    *("/etc/hosts", "/etc/host.conf", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/crypto-policies"),
    *("/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf"),
    *("/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo"),
)
"""What programs look up; by name, since keys and passwords lie beside it."""
_HARDWARE = ("/sys/dev/char", "/sys/devices", "/sys/class/drm", "/sys/class/video4linux")
"""Where drivers look up what hardware there is."""
_LEAST_MEMORY = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Cage:
    """What a child may reach and use beside what every child may.

    ``programs`` are those that it starts itself, ``reads`` further files and folders that it may read, ``cpu`` the
    seconds of computing that each of its processes may take, ``devices`` the nodes of hardware that it may use: with
    any, it may also read what the kernel tells of hardware (/sys). It connects to the proxy in its environment, and to
    nothing without one.
    """

    programs: tuple[Path, ...] = ()
    reads: tuple[Path, ...] = ()
    cpu: int = 1200
    devices: tuple[Path, ...] = ()


CLOSED = Cage()


def arguments(cage: Cage | None, program: str, env: Mapping[str, str], max_file: int | None) -> list[str]:
    """Spell a cage (None: none) for the launcher, up to the program; see `launcher.main`."""
    if cage is None:
        return [str(os.getpid()), str(max_file or 0), "0", "0", "-1", "0", "0", "0", "0"]
    paths, devices = _readable(cage, program), [str(device) for device in cage.devices]
    limits = (max_file or 0, cage.cpu, share_of_memory(), landlock_abi(), int(has_filter()), _port(env))
    return [str(os.getpid()), *map(str, (*limits, len(paths), len(devices))), *paths, *devices]


@functools.cache
def landlock_abi() -> int:
    """The version of the kernel's Landlock, 0 when there is none."""
    return launcher.landlock_abi()


@functools.cache
def has_filter() -> bool:
    """Whether the kernel and this machine have the filter of system calls."""
    return launcher.has_filter()


def lacking() -> list[str]:
    """Name what a child that hostile media have taken over could still do on this machine, the worst first."""
    abi, filtered = landlock_abi(), has_filter()
    could = {
        "read and change whatever Medusa can, the state and its key included": not abi,
        "send to any address and talk to other programs of this machine": not filtered,
        "reach other TCP ports than its proxy's": abi < 4,
        "signal other processes": abi < 6,
    }
    return [deed for deed, possible in could.items() if possible]


def exposes(path: Path) -> bool:
    """Whether every child may read this path, because it lies among the programs."""
    return any(path.resolve().is_relative_to(root) for root in _everywhere())


def _readable(cage: Cage, program: str) -> list[str]:
    named = [*(str(path) for path in cage.reads), *(_HARDWARE if cage.devices else ())]
    for one in (Path(program), *cage.programs):
        named += _parts(one.resolve())
    return list(dict.fromkeys([*_everywhere(), *named]))


def _parts(program: Path) -> list[str]:
    """A program that is installed anywhere: itself, its companion, and the libraries beside its ``bin``."""
    libraries = [str(program.parent.with_name("lib"))] if program.parent.name == "bin" else []
    return [str(program), str(program.with_name("ffprobe")), *libraries]


@functools.cache
def _everywhere() -> tuple[str, ...]:
    """The paths that every child may read, without links and repetitions."""
    python = [Path(prefix, part) for prefix in (sys.prefix, sys.base_prefix) for part in ("bin", "lib", "lib64")]
    python += [Path(sys.prefix, "pyvenv.cfg"), Path(sys.executable)]
    paths = [Path(path) for path in (*_PROGRAMS, *_SETTINGS)] + python
    return tuple(dict.fromkeys(str(path.resolve()) for path in paths if path.exists()))


def _port(env: Mapping[str, str]) -> int:
    """The port of the proxy that this environment names, else 0."""
    return urlsplit(env.get("http_proxy", "")).port or 0


@functools.cache
def share_of_memory() -> int:
    """Bytes that each process may take: half of the machine's, so that hostile media exhaust themselves alone."""
    return max(_LEAST_MEMORY, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)
