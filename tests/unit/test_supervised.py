"""systemd hears that Medusa is ready, what it does, that it is alive, and that it stops."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from medusa.config.supervisor import Supervisor, supervisor
from medusa.supervised import supervised


@pytest.mark.parametrize("abstract", [False, True])
async def test_notes_to_systemd(tmp_path: Path, abstract: bool) -> None:
    name = f"@medusa-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0"))
        systemd.setblocking(False)
        told = supervisor({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000"})
        assert told == Supervisor(name, 0.03)
        loop = asyncio.get_running_loop()
        async with supervised(told, lambda: "2 jobs at work"):
            notes = [(await loop.sock_recv(systemd, 999)).decode() for _ in range(4)]
        assert notes == ["READY=1\nSTATUS=2 jobs at work", *["WATCHDOG=1\nSTATUS=2 jobs at work"] * 3]
        while (note := (await loop.sock_recv(systemd, 999)).decode()).startswith("WATCHDOG"):
            pass
        assert note == "STOPPING=1\nSTATUS=stopping"


async def test_a_systemd_that_is_away_does_no_harm(tmp_path: Path) -> None:
    async with supervised(Supervisor(str(tmp_path / "nobody"), None), lambda: "x"):
        await asyncio.sleep(0)


def test_who_supervises_is_read_from_the_environment() -> None:
    assert supervisor({}) is None
    assert supervisor({"NOTIFY_SOCKET": "tcp:1"}) is None
    assert supervisor({"NOTIFY_SOCKET": "/s"}) == Supervisor("/s", None)
    assert supervisor({"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "soon"}) == Supervisor("/s", None)
    others = {"NOTIFY_SOCKET": "/s", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert supervisor(others) == Supervisor("/s", None)
