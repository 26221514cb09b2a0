"""Runs Medusa as the command ``run`` does, but against the bench's Telegram and with a state of its own."""

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from medusa.bench.peers import Server
from medusa.bench.peers.kit import pin
from medusa.config import Address, Config, DataCentre, load
from medusa.observe.logs import set_up
from medusa.telegram import phone


def configuration(server: Server, folder: Path, session: str) -> Config:
    """Nothing but defaults, whatever the owner's settings say, with state and work in ``folder``."""
    return replace(
        load({}, folder / "none"),
        data=folder / "state",
        work=folder / "work",
        api_id=1,
        api_hash="0" * 32,
        session_string=session,
        telegram_dc=DataCentre(server.dc_id, server.host, server.port),
        telegram_key=Path(server.key_file),
        allow=(f"127.0.0.1:{server.source}",),
        panel=Address("127.0.0.1", 0),
    )


async def login(server: Server) -> str:
    """Log a further session in and return it in Telethon's string form."""
    where = phone.Server(server.host, server.port, server.dc_id, Path(server.key_file))
    return await phone.session_string(where, server.phone, server.code)


async def _run(config: Config) -> None:
    from medusa.app import running

    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio.run makes one
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with running(config):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main() -> None:
    """Run until SIGINT or SIGTERM; says ``ready`` on standard output when it takes commands."""
    order = json.loads(sys.argv[1])
    pin(order["cores"])
    config = configuration(Server(**order["server"]), Path(order["folder"]), order["session"])
    set_up(config.log)
    asyncio.run(_run(config))


if __name__ == "__main__":
    main()
