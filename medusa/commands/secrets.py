"""What the commands share that keep tokens, headers and cookies."""

import asyncio
import time
from collections.abc import Sequence

import structlog
from markupsafe import Markup

from medusa import vault
from medusa.commands import Call
from medusa.errors import MedusaError, UserError
from medusa.storage.vault import Kept, Kind
from medusa.telegram.messages import Messenger
from medusa.words import clock, span

log = structlog.get_logger()


async def deleted(messenger: Messenger, chat_id: int, message_id: int) -> bool:
    """Delete a message that holds a secret for everybody; whether that was possible."""
    try:
        await messenger.delete(chat_id, [message_id])
    except MedusaError as error:
        if error.fatal:
            raise
        log.warning("secret.not_deleted", error=error.user_text)
        return False
    return True


async def site_and_rest(call: Call, usage: str) -> tuple[str, str]:
    """The site that the first word names, and what stands behind it. Raises UserError."""
    match call.text.split(maxsplit=1):  # a secret is often pasted on a line of its own
        case [site, rest]:
            return await asyncio.to_thread(vault.site, site), rest.rstrip()
    raise UserError(f"For instance: {call.prefix}{usage}")


async def forgotten(call: Call, kind: Kind, words: Sequence[str]) -> str:
    """Forget what is kept of a kind for the site that ``words`` name; says so.

    They may name one of several, ``""`` the one without a name.
    """
    if not words or len(words) > 2:
        raise UserError(f"Of which site? For instance: {call.prefix}{call.command} forget example.com")
    found = await call.desk.vault.forget(kind, words[0], *(name.strip('"') for name in words[1:]))
    if not found:
        raise UserError(f"There is nothing like that to forget. {call.prefix}{call.command} says what there is.")
    return f"Forgotten: {call.command} of {', '.join(found)}."


async def listed(call: Call, kind: Kind, nothing: str) -> str:
    """What is kept of a kind: sites, names and ages, but no values."""
    things = await call.desk.vault.kept(kind)
    if not things:
        return nothing
    return Markup("\n").join([*map(_line, things), kept_lines(call, call.command)])


def kept_lines(call: Call, what: str) -> Markup:
    """How to forget one of what was listed."""
    return Markup("Forget one: <code>{}{} forget SITE</code>").format(call.prefix, what)


def _line(thing: Kept) -> Markup:
    now = time.time()
    facts = [thing.name] * bool(thing.name) + [f"kept {span(now - thing.created)} ago"]
    if thing.expires is not None:
        facts.append(f"{'expires' if thing.expires > now else 'expired'} {clock(thing.expires, now)}")
    return Markup("<b>{}</b> · {}").format(thing.site, " · ".join(facts))
