"""Whether Telegram can be reached from here."""

import asyncio

from medusa.config import Config
from medusa.doctor.check import Check
from medusa.findings import Finding

_DEFAULT = ("149.154.167.51", 443)
"""Data centre 2, as https://core.telegram.org/api/datacenter lists it in clients' configurations."""
_WITHIN = 10.0


async def _look(config: Config) -> Finding:
    if config.proxy is not None:
        return Finding("Telegram", True, "is reached through your proxy; login shows whether that works")
    host, port = (config.telegram_dc.host, config.telegram_dc.port) if config.telegram_dc else _DEFAULT
    try:
        async with asyncio.timeout(_WITHIN):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except (OSError, TimeoutError) as error:
        advice = "Look at the network and the firewall; where Telegram is blocked, set MEDUSA_PROXY."
        return Finding("Telegram", False, f"{host}:{port} can't be reached ({error or 'no answer'})", advice)
    return Finding("Telegram", True, f"{host}:{port} answers")


CHECK = Check(_look)
