"""Whether this machine knows what time it is, by what a web server says."""

import time
from email.utils import parsedate_to_datetime

from medusa.config import Config
from medusa.doctor.check import Check
from medusa.errors import MedusaError
from medusa.findings import Finding
from medusa.net import Guard, open_web
from medusa.throttle import Throttle

_ASK = "https://telegram.org/"
OFF = 30.0
"""Seconds beyond which Telegram refuses what is sent."""


def judged(date: str, now: float) -> Finding:
    """What a server's Date says of the clock."""
    off = now - parsedate_to_datetime(date).timestamp()
    advice = "Set it: sudo timedatectl set-ntp true"
    way = "ahead" if off > 0 else "behind"
    return Finding("clock", abs(off) < OFF, f"{abs(off):.0f} s {way}" if abs(off) >= 2 else "right", advice)


async def _look(config: Config) -> Finding:
    try:
        async with open_web(Guard(config.allow), Throttle()) as web, web.get(_ASK) as answer:
            return judged(answer.headers["Date"], time.time())
    except (MedusaError, KeyError, ValueError):
        return Finding("clock", True, "can't be told without a network")


CHECK = Check(_look)
