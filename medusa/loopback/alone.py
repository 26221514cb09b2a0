"""Runs the embedded Telegram by itself, for clients in other processes."""

import asyncio
import json
import signal
import sys
from pathlib import Path

from medusa.loopback.control import obey
from medusa.loopback.network import Network
from medusa.loopback.server import Loopback, serve


async def run_alone(
    host: str,
    port: int,
    folder: Path | None,
    as_json: bool,
    network: Network | None = None,
    control: bool = False,
) -> None:
    """Serve until SIGINT, SIGTERM or, with ``control``, the end of standard input.

    One line on standard output says how to log in; with ``control`` one more answers each command.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with serve(folder, host=host, port=port, network=network) as loopback:
            _say(_introduction(loopback, as_json))
            await (_obey_until(stop, loopback) if control else stop.wait())
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def _obey_until(stop: asyncio.Event, loopback: Loopback) -> None:
    async with asyncio.TaskGroup() as tasks:
        obeying = tasks.create_task(_obey_input(loopback))
        obeying.add_done_callback(lambda _: stop.set())
        await stop.wait()
        obeying.cancel()


async def _obey_input(loopback: Loopback) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            _say(json.dumps(await obey(loopback, line.decode(errors="replace"))))
    finally:
        pipe.close()


def _introduction(loopback: Loopback, as_json: bool) -> str:
    facts = {
        "host": loopback.host,
        "port": loopback.port,
        "dc_id": loopback.dc_id,
        "centres": {dc_id: f"{host}:{port}" for dc_id, (host, port) in loopback.centres.items()},
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
