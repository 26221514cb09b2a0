"""What code that has taken over a child would try; it runs in the child and needs nothing but the standard library.

It reads ``targets.json`` in its folder, and writes what came of each attempt into ``seen.json``: ``done``, or an error.
"""

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Attempts = dict[str, Callable[[], Any]]
MPTCP = 262
FASTOPEN = 0x20000000


def reading(at: dict[str, Any]) -> Attempts:
    parent = f"/proc/{os.getppid()}"
    return {
        "read the state": Path(at["state"]).read_bytes,
        "read the key": Path(at["key"]).read_bytes,
        "read the key through a link": Path("link").read_bytes,
        "list the state folder": lambda: list(Path(at["state"]).parent.iterdir()),
        "list another job's folder": lambda: list(Path(at["other"]).iterdir()),
        "list the home folder": lambda: list(Path(at["home"]).iterdir()),
        "read the passwords": Path("/etc/shadow").read_bytes,
        "read the parent's environment": Path(parent, "environ").read_bytes,
        "list the parent's files": lambda: list(Path(parent, "fd").iterdir()),
        "read the parent's memory": lambda: os.open(f"{parent}/mem", os.O_RDONLY),
    }


def writing(at: dict[str, Any]) -> Attempts:
    outside, key = Path(at["other"]), Path(at["key"])
    return {
        "make a file": lambda: (outside / "made").write_text("x"),
        "make a file in /tmp": lambda: Path(at["scratch"]).write_text("x"),
        "make a file in /dev/shm": lambda: Path("/dev/shm", f"medusa-{os.getpid()}").write_text("x"),
        "make a folder": (outside / "folder").mkdir,
        "write through a link": lambda: Path("link").write_text("x"),
        "make a link": lambda: Path("mine").symlink_to(key),
        "make a pipe": lambda: os.mkfifo("pipe"),
        "link the key into the folder": lambda: os.link(key, "hard"),
        "move a file out": lambda: (Path("own").write_text("x"), Path("own").rename(outside / "own")),
        "move a file in": lambda: (outside / "theirs").rename("theirs"),
        "remove a file": (outside / "doomed").unlink,
        "cut a file off": lambda: os.truncate(outside / "whole", 0),
        "open a file to others": lambda: key.chmod(0o644),
    }


def connecting(at: dict[str, Any]) -> Attempts:
    def tcp(host: str, port: int, protocol: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM, protocol) as plug:
            plug.settimeout(3)
            plug.connect((host, port))

    def send(kind: int, flags: int = 0) -> None:
        with socket.socket(socket.AF_INET, kind) as plug:
            plug.sendto(b"x", flags, ("127.0.0.1", at["port"]))

    def local(address: str) -> None:
        with socket.socket(socket.AF_UNIX) as plug:
            plug.connect(address)

    def listen() -> None:
        with socket.socket() as plug:
            plug.bind(("127.0.0.1", 0))

    return {
        "connect": lambda: tcp("127.0.0.1", at["port"]),
        "connect by IPv6": lambda: tcp("::ffff:127.0.0.1", at["port"]),
        "connect by MPTCP": lambda: tcp("127.0.0.1", at["port"], MPTCP),
        "connect by sending": lambda: send(socket.SOCK_STREAM, FASTOPEN),
        "connect to the internet": lambda: tcp("1.1.1.1", 443),
        "send by UDP": lambda: send(socket.SOCK_DGRAM),
        "listen": listen,
        "connect to a Unix socket": lambda: local(at["unix"]),
        "connect to an abstract Unix socket": lambda: local("\0" + at["abstract"]),
        "open a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
        "open a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close(),
        "open a ring": lambda: system(425, 1, ctypes.create_string_buffer(120)),
    }


def meddling(_: dict[str, Any]) -> Attempts:
    parent = os.getppid()

    def limit() -> None:
        resource.prlimit(parent, resource.RLIMIT_CORE, resource.prlimit(parent, resource.RLIMIT_CORE))

    return {
        "signal the parent": lambda: os.kill(parent, signal.SIGURG),
        "trace the parent": lambda: library("ptrace", 0x4206, parent, 0, 0),
        "limit the parent": limit,
    }


def allowed(at: dict[str, Any]) -> Attempts:
    def move() -> None:
        Path("a/b").mkdir(parents=True)
        Path("made").rename("a/b/made")

    return {
        "write": lambda: Path("made").write_text("x"),
        "make folders and move": move,
        "reach the proxy": lambda: socket.create_connection(("127.0.0.1", at["proxy"]), 3).close(),
        "read own descriptors": lambda: [os.fstat(number) for number in range(3)],
    }


def library(name: str, *arguments: Any) -> None:
    result = getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def system(number: int, *arguments: Any) -> None:
    library("syscall", ctypes.c_long(number), *arguments)


def outcome(attempt: Callable[[], Any]) -> str:
    try:
        attempt()
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return "done"


def descriptors() -> dict[str, str]:
    """What of the first thousand numbers is an open file, and what it is."""
    found = {}
    for number in range(1024):
        try:
            found[str(number)] = oct(os.fstat(number).st_mode)
        except OSError:
            continue
    return found


def make_attempts() -> None:
    handles = descriptors()
    at = json.loads(Path("targets.json").read_text())
    families = (reading, writing, connecting, meddling, allowed)
    seen = {name: outcome(attempt) for family in families for name, attempt in family(at).items()}
    told = {"seen": seen, "handles": handles, "environment": dict(os.environ), "arguments": sys.argv}
    Path("seen.json").write_text(json.dumps(told))


if __name__ == "__main__":
    make_attempts()
