"""Commands for a server that runs alone: one line in, one line of JSON out."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from medusa.loopback.server import Loopback

_MB = 1_000_000
_PARTS = "upload.save*Part"

HELP = """\
Commands, one a line; each is answered with one line of JSON:
  stats                          calls, bytes of parts, connections, CPU seconds; the last file's name, size, SHA-256
  reset                          zero the counters, delete the bytes of all files
  rtt MS, up MB/s, down MB/s     the round trip; the caps of each connection (0: none)
  cdn on|off, trusting on|off    send downloads to the CDN; skip the checks of message keys and checksums
  flood PERCENT [SECONDS [SEED]] FLOOD_WAIT on so many parts
  lose PERCENT [SEED]            acknowledge so many parts without keeping them
  cut PERCENT [SEED]             lose the connection at so many parts
  refuse PACKETS                 answer the next packets with transport error 429
  connections N, expire SECONDS  limit an account's connections; forget unfinished parts (0: neither)
  drop, clear, help              cut all connections now; end all faults; say all this
"""


async def obey(loopback: Loopback, line: str) -> dict[str, Any]:
    """Carry one command out; what was wrong with it stands under ``error``."""
    name, *words = line.split() or [""]
    if name == "stats":
        return await _stats(loopback)
    if name == "help":
        return {"help": HELP.splitlines()}
    command = _COMMANDS.get(name)
    if command is None:
        return {"error": f"no command {name}; help lists them"}
    try:
        command(loopback, *map(_number, words))
    except (TypeError, ValueError):
        return {"error": f"wrong values for {name}; help lists the commands"}
    return {"ok": True}


async def _stats(loopback: Loopback) -> dict[str, Any]:
    stats: dict[str, Any] = {
        "calls": dict(loopback.calls),
        "payload": loopback.payload,
        "connections": loopback.connections(),
        "cpu": time.process_time(),
    }
    last = loopback.last_file()
    if last is not None and last.path.exists():
        digest = await asyncio.to_thread(lambda: last.sha256)
        stats["last"] = {"name": last.name, "size": last.size, "sha256": digest}
    return stats


def _number(word: str) -> float:
    number = float({"on": "1", "off": "0"}.get(word, word))
    if not 0 <= number < float("inf"):
        raise ValueError(word)
    return number


def _rtt(loopback: Loopback, milliseconds: float) -> None:
    loopback.network.rtt = milliseconds / 1000


def _up(loopback: Loopback, speed: float) -> None:
    loopback.network.up_cap = speed * _MB or None


def _down(loopback: Loopback, speed: float) -> None:
    loopback.network.down_cap = speed * _MB or None


def _cdn(loopback: Loopback, on: float) -> None:
    loopback.cdn = bool(on)


def _trusting(loopback: Loopback, on: float) -> None:
    loopback.network.checked = not on


def _flood(loopback: Loopback, percent: float, seconds: float = 1, seed: float = 0) -> None:
    loopback.faults.fail(_PARTS, f"FLOOD_WAIT_{int(seconds)}", times=None, chance=percent / 100, seed=int(seed))


def _lose(loopback: Loopback, percent: float, seed: float = 0) -> None:
    loopback.faults.lose(_PARTS, times=None, chance=percent / 100, seed=int(seed))


def _cut(loopback: Loopback, percent: float, seed: float = 0) -> None:
    loopback.faults.drop(_PARTS, executed=False, times=None, chance=percent / 100, seed=int(seed))


def _refuse(loopback: Loopback, packets: float) -> None:
    loopback.faults.transport_error(429, times=int(packets))


def _connections(loopback: Loopback, most: float) -> None:
    loopback.faults.limit_connections(int(most) or None)


def _expire(loopback: Loopback, seconds: float) -> None:
    loopback.faults.expire_parts(seconds or None)


_COMMANDS: dict[str, Callable[..., None]] = {
    "reset": Loopback.reset,
    "rtt": _rtt,
    "up": _up,
    "down": _down,
    "cdn": _cdn,
    "trusting": _trusting,
    "flood": _flood,
    "lose": _lose,
    "cut": _cut,
    "refuse": _refuse,
    "connections": _connections,
    "expire": _expire,
    "drop": lambda loopback: loopback.faults.drop_connections(),
    "clear": lambda loopback: loopback.faults.clear(),
}
