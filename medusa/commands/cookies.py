"""/cookies: what the sites' cookies are, and where new ones come from."""

import asyncio
import re
import time
from collections.abc import Sequence

from markupsafe import Markup

from medusa import cookies
from medusa.commands import Call, Command
from medusa.commands.secrets import deleted, forgotten, kept_lines
from medusa.errors import UserError
from medusa.model import Role
from medusa.storage.vault import Kept, Kind
from medusa.telegram.messages import Enclosed
from medusa.words import moment

_MOST_SHOWN = 20
STILL_THERE = "The file could not be deleted: delete it yourself."
_LIKELY_NAME = re.compile(r".*(?:cookie.*|\.(?:txt|json))", re.IGNORECASE)
"""Files that are meant to be cookies, whatever is in them."""


async def _run(call: Call) -> str:
    if call.words[:1] == ("forget",):
        return await forgotten(call, Kind.COOKIES, call.words[1:])
    if call.text.strip():
        return await _kept(call, call.text.encode("utf-8", "replace"))
    file = await _file(call)
    if file is None:
        return await _list(call)
    # Kept first and deleted then: of what stands nowhere, a kill in between would leave nothing.
    try:
        answer = await _taken(call, file)
    except UserError as error:
        text = error.user_text
        raise UserError(f"{text}\n{STILL_THERE}" if await _stands(call, file) else text) from error
    return Markup("{}\n{}").format(answer, STILL_THERE) if await _stands(call, file) else answer


async def _taken(call: Call, file: Enclosed) -> str:
    if file.data is None:
        raise UserError(f"This file has more than {cookies.MOST_BYTES // 1_000_000} MB; no cookies.txt has.")
    return await _kept(call, file.data)


async def _stands(call: Call, file: Enclosed) -> bool:
    """Whether a file that is to go could not be deleted."""
    return _is_meant(file) and not await deleted(call.desk.messenger, call.message.chat_id, file.message_id)


async def _file(call: Call) -> Enclosed | None:
    """The file that the message holds, or else the one it replies to; None when there is none."""
    message = call.message
    for number in filter(None, (message.message_id, message.reply_to)):
        file = await call.desk.messenger.enclosed(message.chat_id, number, cookies.MOST_BYTES)
        if file is not None:
            return file
    return None


def _is_meant(file: Enclosed) -> bool:
    """Whether the file is to go, whatever comes of it: a picture that was replied to by mistake is not deleted."""
    is_text = file.data is not None and b"\0" not in file.data[:4096]
    return is_text or _LIKELY_NAME.fullmatch(file.name) is not None


async def _kept(call: Call, data: bytes) -> str:
    found = await asyncio.to_thread(cookies.read, data, time.time())
    things = await call.desk.vault.keep_cookies(found)
    counts = {site: len(jar) for site, jar in found.sites.items()}
    lines = [Markup("Cookies are kept, and each site gets its own:"), *_lines(things, counts)]
    left = {"had expired": found.expired, "were of no site": found.homeless}
    if said := " and ".join(f"{count} {why}" for why, count in left.items() if count):
        lines.append(Markup("Left out: {}.").format(said))
    return Markup("\n").join(lines)


def _lines(things: Sequence[Kept], counts: dict[str, int]) -> list[Markup]:
    lines = [
        Markup("<b>{}</b> · {} {} · {}").format(
            thing.site,
            counts[thing.site],
            "cookie" if counts[thing.site] == 1 else "cookies",
            _until(thing),
        )
        for thing in things[:_MOST_SHOWN]
    ]
    more = len(things) - _MOST_SHOWN
    return [*lines, *([Markup("… and {} more sites").format(more)] if more > 0 else [])]


def _until(thing: Kept) -> str:
    if thing.expires is None:
        return "good for a session"
    return f"{'until' if thing.expires > time.time() else 'expired'} {moment(thing.expires)}"


async def _list(call: Call) -> str:
    things = await call.desk.vault.kept(Kind.COOKIES)
    if not things:
        return f"There are no cookies. Reply with {call.prefix}cookies to a cookies.txt that your browser has exported."
    counts = {thing.site: len(cookies.unpack(thing.value)) for thing in things}
    return Markup("\n").join([*_lines(things, counts), kept_lines(call, "cookies")])


COMMAND = Command(
    name="cookies",
    role=Role.OWNER,
    audited=True,
    family="Settings",
    about="keep the cookies of a cookies.txt that you reply to, for the sites they belong to; alone: list them. The "
    "file is deleted at once",
    usage="[the text of a cookies.txt | forget SITE]",
    run=_run,
    examples=("cookies", "cookies forget example.com"),
    secret=True,
)
