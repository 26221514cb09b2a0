"""Reads from the environment how systemd wants to be told of the process."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Supervisor:
    """The socket that takes notes (sd_notify(3)), and the seconds within which it wants signs of life, if it does."""

    socket: str
    watchdog: float | None


def supervisor(env: Mapping[str, str]) -> Supervisor | None:
    """Whom to tell how this process fares; None when nobody has asked to be told."""
    socket = env.get("NOTIFY_SOCKET", "")
    if socket[:1] not in ("/", "@"):
        return None
    mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    microseconds = env.get("WATCHDOG_USEC", "")
    asked = mine and re.fullmatch(r"[1-9][0-9]{0,17}", microseconds)
    return Supervisor(socket, int(microseconds) / 1e6 if asked else None)
