"""Finds the ids of users and chats in whatever a bot has kept them in: lists, code, JSON, environment files."""

import re
from pathlib import Path

from medusa.errors import UserError

LARGEST = 1024 * 1024
"""Bytes of a list."""
MOST = 10_000
_NUMBER = re.compile(r"(?<![\w.])-?[0-9]{5,19}(?![\w.])")
_PERSON = re.compile(r"[1-9][0-9]{0,15}")
_CHANNELS = range(-1_999_999_999_999, -1_000_000_000_000)
"""Marked ids of channels and large groups, https://core.telegram.org/api/bots/ids."""


def person_id(text: str) -> int | None:
    """The Telegram id of a person that a text is; None for any other one. 0 is the owner, and no id."""
    return int(text) if _PERSON.fullmatch(text) else None


def found(path: Path) -> tuple[list[int], list[int]]:
    """The users' and the channels' ids in a file, each once, in their order. Raises UserError."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}.") from error
    if len(data) > LARGEST or b"\0" in data:
        raise UserError(f"{path.name} is no list of ids: it is binary, or has more than 1 MiB.")
    numbers = dict.fromkeys(int(number) for number in _NUMBER.findall(data.decode("utf-8", "replace")))
    users = [number for number in numbers if 0 < number < 2**40]
    channels = [number for number in numbers if number in _CHANNELS]
    if len(users) + len(channels) > MOST:
        raise UserError(f"{path.name} has more than {MOST} ids in it.")
    return users, channels
