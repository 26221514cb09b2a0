"""/logs: the latest lines of Medusa's own log."""

import asyncio
import logging
from pathlib import Path

from markupsafe import Markup

from medusa import observe
from medusa.commands import Answer, Call, Command, Later
from medusa.errors import UserError
from medusa.model import Role
from medusa.names import brief
from medusa.observe.lines import lines
from medusa.observe.logs import FILE, files
from medusa.telegram.messages import random_id_for

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SHOWN = 20
_MOST_SHOWN = 200
_LONGEST = 300
"""Characters of a line; the file has all of it."""


async def _run(call: Call) -> Answer:
    words = [word.lower() for word in call.words]
    if words == ["file"]:
        return Later(lambda: _file(call))
    limit, level, job = _SHOWN, logging.NOTSET, None
    while words:
        word = words.pop(0)
        if word in _LEVELS:
            level = _LEVELS[word]
        elif word == "job" and words:
            job = _number(words.pop(0).removeprefix("#"), call)
        else:
            limit = _number(word, call)
    found = lines.find(limit=min(limit, _MOST_SHOWN), level=level, job=job)
    if not found:
        return "There are no such lines since Medusa was started."
    return Markup("\n").join(
        Markup("<code>{}</code>").format(line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…")
        for one in found
        for line in one.text.splitlines()
    )


def _number(word: str, call: Call) -> int:
    if not (word.isascii() and word.isdigit() and int(word[:9]) > 0):
        likewise = f"{call.prefix}logs 50 warning, {call.prefix}logs job 3, {call.prefix}logs file"
        raise UserError(f"{brief(word)} is not understood here. For instance: {likewise}")
    return int(word[:9])


async def _file(call: Call) -> Answer:
    """Send all that is kept, without the secrets that are known by now."""
    text, place = await asyncio.to_thread(_kept, call.desk.log_folder), call.message
    if not text:
        raise UserError("No log is kept: the folder of the state can't be written.")
    number = random_id_for(f"logs {place.chat_id} {place.message_id}")
    await call.desk.files.send(place.chat_id, place.message_id, FILE, text, number)
    return f"{FILE}: the reply to this."


def _kept(folder: Path) -> str:
    return "".join(observe.clean(path.read_text(encoding="utf-8", errors="replace")) for path in files(folder))


COMMAND = Command(
    name="logs",
    family="Care",
    about="the latest lines of the log, those about a job, or all that is kept as a file",
    usage="[N] [job N] [debug|info|warning|error] | file",
    run=_run,
    role=Role.OWNER,
    examples=("logs", "logs 50 warning", "logs job 3", "logs file"),
)
