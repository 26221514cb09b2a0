"""/rebuild: the library learns anew what stands in a chat, after its state was lost."""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from medusa.batches.conductor import PAUSE
from medusa.commands import Answer, Call, Command, Later, Option
from medusa.errors import MedusaError, UserError
from medusa.model import LocalFile, Role, Spot
from medusa.names import display_name
from medusa.storage.library import Post
from medusa.storage.rebuilds import Rebuild
from medusa.tags import Tags
from medusa.telegram.archive import Standing
from medusa.telegram.messages import Document

MOST_PAGES = 200
"""Pages of a hundred messages that one command reads."""
APART = 0.5
"""Seconds between two pages, so that Telegram need not ask for it."""
LONGEST_WAIT = 300.0
"""Seconds that are waited when Telegram asks for it."""


async def _run(call: Call) -> Answer:
    if "key" in call.options:
        await call.desk.tags.adopt(call.options["key"])
        if not call.words:
            return f"That key is the one of the marks from now on. {call.prefix}rebuild CHAT reads them."
    if call.words == ("key",):
        if call.person.role < Role.OWNER or not call.message.private:
            raise UserError("The key of the marks is for the owner alone, in Saved Messages.")
        return Markup(
            "The key of the marks: <code>{}</code>\nKeep it where this state does not stand. After a loss, "
            "{}rebuild --key KEY CHAT knows marked posts again. Who has it can make marks up."
        ).format(call.desk.tags.key, call.prefix)
    here, chat_id = Spot(call.message.chat_id), call.message.chat_id
    if call.words:
        chat_id = (await call.desk.destinations.find(" ".join(call.words), here)).id
    return Later(partial(_rebuilt, call, chat_id))


async def _rebuilt(call: Call, chat_id: int) -> Answer:
    rebuild = await call.desk.rebuilds.get(chat_id)
    shown = time.monotonic()
    for _ in range(MOST_PAGES):
        page = await _page(call, rebuild)
        posts = list(posts_of(call, page, chat_id))
        before = min((one.message_id for one in page), default=rebuild.before)
        step = replace(rebuild, before=before, seen=rebuild.seen + len(page), over=not page or before <= 1)
        rebuild = await call.desk.rebuilds.put(step, posts)
        if rebuild.over:
            return f"✓ {_counted(rebuild)} All of the chat was read."
        if time.monotonic() - shown > PAUSE:
            shown = time.monotonic()
            await call.desk.messenger.edit(call.message.chat_id, call.message.message_id, f"… {_counted(rebuild)}")
        await asyncio.sleep(APART)
    return f"{_counted(rebuild)} {call.prefix}rebuild {chat_id} goes on from there."


async def _page(call: Call, rebuild: Rebuild) -> list[Standing]:
    """The next page; a short wait that Telegram asks for is waited for."""
    while True:
        try:
            return await call.desk.archive.page(rebuild.chat_id, rebuild.before)
        except MedusaError as error:
            if error.fatal or error.retry_after is None or error.retry_after > LONGEST_WAIT:
                raise
            await asyncio.sleep(error.retry_after)


def posts_of(call: Call, page: Sequence[Standing], chat_id: int) -> Iterator[Post]:
    """The posts of a page as the library keeps them.

    Only one whose mark proves its order stands in for that order from now on. Name and size alone prove nothing: such
    posts are found by /find and have their links, but the next order of the same link is fetched and posted.
    """
    for one in page:
        if one.own and (file := one.file) is not None and (document := one.document) is not None:
            alias = None if one.album else call.desk.tags.read(one.text, file.size, chat_id)
            yield _post(
                one,
                file,
                document,
                chat_id,
                alias or hashlib.sha256(f"message {chat_id} {one.message_id}".encode()).digest(),
            )


def _post(one: Standing, file: LocalFile, document: Document, chat_id: int, source: bytes) -> Post:
    text = Tags.without(one.text)
    title = display_name(text.strip().partition("\n")[0]) or file.name
    return Post(
        source=source,
        link="",
        as_document=file.media is None and not file.photo,
        content=None,
        size=file.size,
        name=file.name,
        title=title,
        mime=file.mime,
        media=file.media,
        caption=text,
        spoiler=one.spoiler,
        document_id=document.id,
        access_hash=document.access_hash,
        file_reference=document.file_reference,
        chat_id=chat_id,
        message_id=one.message_id,
        at=one.at,
        job_id=0,
        photo=document.photo,
    )


def _counted(rebuild: Rebuild) -> str:
    return f"{rebuild.seen} messages read, {rebuild.made} posts found that the library did not know."


COMMAND = Command(
    name="rebuild",
    role=Role.ADMIN,
    audited=True,
    family="Library",
    about="make the library know again what stands in a chat, after a loss; marked posts (setting “tags”) are not "
    "posted twice either",
    usage="[CHAT] | key",
    run=_run,
    options=(Option(("--key",), "the key of the marks, as “rebuild key” has shown it", "a key", secret=True),),
    examples=("rebuild Films", "rebuild -1001234567890", "rebuild key"),
)
