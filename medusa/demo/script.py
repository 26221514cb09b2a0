"""Plays the lines of a script on the demo's stage."""

import asyncio
from collections.abc import Sequence

from medusa.demo.lines import Line, with_samples
from medusa.demo.stage import Stage
from medusa.errors import UserError
from medusa.model import JobState
from medusa.storage.handled import Handled
from medusa.telegram.inbox import Incoming
from medusa.telegram.phone import Phone

_QUIET = 0.7
"""Seconds without any change in the chats after which an answer that is no job's is taken to be complete."""
_LOOKS = 1000


async def play(stage: Stage, lines: Sequence[Line]) -> None:
    """Send the lines in their order, then wait for what they set going. Raises UserError for an impossible one."""
    sent: list[Incoming] = []
    for line in lines:
        sent += await _send(stage, line)
        if line.wait == "jobs":
            await settled(stage, sent)
        elif isinstance(line.wait, int | float):
            await asyncio.sleep(line.wait)
    await settled(stage, sent)


async def settled(stage: Stage, sent: Sequence[Incoming]) -> None:
    """Wait until every command among ``sent`` was obeyed, every job has ended and nothing moves in the chats."""
    handled = Handled(stage.app.store)
    for one in sent:
        if await stage.app.router.concerned(one):
            while not await handled.seen(one.chat_id, one.message_id):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    while True:
        await stage.app.idle()
        if await _quiet(stage.owner):
            return


async def _quiet(phone: Phone) -> bool:
    """Whether nothing changes in the chats for a moment."""
    with phone.changes() as changes:
        try:
            async with asyncio.timeout(_QUIET):
                await anext(aiter(changes))
        except TimeoutError:
            return True
    return False


async def all_done(stage: Stage) -> bool:
    """Whether no command was refused and every job so far is done."""
    return not stage.app.router.refused and all(
        job.state is JobState.DONE for job in await stage.app.jobs.recent(_LOOKS)
    )


async def _send(stage: Stage, line: Line) -> list[Incoming]:
    """Send a line; returns what Medusa will see as the owner's message, if it is one."""
    phone = await stage.person(line.sender)
    chat = await _chat(stage, phone, line)
    text = with_samples(line.text, stage.media.url)
    if line.file is not None and not await asyncio.to_thread(line.file.is_file):
        raise UserError(f"There is no file {line.file}.")
    if not text and line.file is None:
        return []
    reply_to = await _reply_to(phone, chat, line.reply_to)
    message_id = await phone.send(chat, text, line.file, reply_to)
    if phone is not stage.owner:
        return []
    return [Incoming(chat or phone.user_id, message_id, text, reply_to, private=line.chat == "me")]


async def _chat(stage: Stage, phone: Phone, line: Line) -> int:
    """The chat of a line as its sender sees it; "me" is Saved Messages, for others the chat with the owner."""
    if line.chat != "me":
        if phone is not stage.owner:
            raise UserError("Only the owner writes in channels: leave out “as” or “chat”.")
        return await stage.channel(line.chat)
    return 0 if phone is stage.owner else await phone.find_person(stage.telegram.owner.phone)


async def _reply_to(phone: Phone, chat: int, wanted: str | int | None) -> int | None:
    if wanted is None or isinstance(wanted, int):
        return wanted
    found = [one for one in await phone.history(chat) if wanted == "last" or one.file]
    if not found:
        raise UserError(f"“reply_to”: there is no {wanted.replace('_', ' ')} message to reply to.")
    return found[-1].id
