"""Runs the embedded Telegram by itself, for clients in other processes."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from medusa.loopback.server import Loopback, serve


async def run_alone(host: str, port: int, folder: Path | None, as_json: bool) -> None:
    """Serve until SIGINT or SIGTERM, after one line on standard output that says how to log in."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with serve(folder, host=host, port=port) as loopback:
            sys.stdout.write(_introduction(loopback, as_json) + "\n")
            sys.stdout.flush()
            await stop.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _introduction(loopback: Loopback, as_json: bool) -> str:
    facts = {
        "host": loopback.host,
        "port": loopback.port,
        "dc_id": loopback.dc_id,
        "key_file": str(loopback.key_file.resolve()),
        "phone": loopback.owner.phone,
        "code": loopback.owner.code,
        "name": loopback.owner.name,
    }
    if as_json:
        return json.dumps(facts)
    return (
        f"Telegram on {loopback.host}:{loopback.port}, data centre {loopback.dc_id}. "
        f"Log in as {loopback.owner.phone} with code {loopback.owner.code}; public key: {facts['key_file']}"
    )
