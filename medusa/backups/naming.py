"""Names backups and their parts, so that they are known again wherever they lie."""

import re
import secrets
from datetime import UTC, datetime
from typing import NamedTuple

TAG = "#medusa_backup"
"""What stands under each part in a chat, and is searched for."""
NAME = re.compile(r"medusa-(?P<at>\d{8}-\d{6})-[0-9a-f]{8}\.backup")
PART = re.compile(rf"(?P<name>{NAME.pattern})(?:\.(?P<number>\d{{1,4}})of(?P<count>\d{{1,4}}))?")
_TIME = "%Y%m%d-%H%M%S"


class Part(NamedTuple):
    """One of the files that a backup is cut into: its number, from 1 on, ``of`` so many."""

    backup: str
    number: int
    of: int


def backup_name(at: float) -> str:
    """A file name for a backup that no other one ever bears; those that were made later come later in the alphabet.

    A post's random id comes from it, and Telegram would answer that of a post that was deleted with just that one.
    """
    return f"medusa-{datetime.fromtimestamp(at, UTC).strftime(_TIME)}-{secrets.token_hex(4)}.backup"


def part_name(name: str, number: int, count: int) -> str:
    """The name of a part; a backup in one piece keeps its own."""
    return name if count == 1 else f"{name}.{number}of{count}"


def read_part(name: str) -> Part | None:
    """What the name of a part says, None for that of another file."""
    found = PART.fullmatch(name)
    if found is None:
        return None
    return Part(found["name"], int(found["number"] or 1), int(found["count"] or 1))
