"""What the end-to-end tests share: commands as the owner writes them, and what comes of them."""

import asyncio
from collections.abc import Sequence

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.loopback import StoredFile
from medusa.telegram.phone import Message


async def send(stage: Stage, *texts: str, seconds: float = 100) -> list[Message]:
    """Send texts to Saved Messages, wait until all is settled, and return what stands there."""
    async with asyncio.timeout(seconds):
        await play(stage, [Line(text=text) for text in texts])
    return await stage.owner.history(stage.owner.user_id)


def post(messages: Sequence[Message]) -> Message:
    """The only message with a file."""
    [found] = [message for message in messages if message.file]
    return found


async def posts(stage: Stage, *texts: str) -> list[Message]:
    """Send commands at once, and return the message with a file that answers each."""
    messages = await send(stage, *texts)
    answers = {message.reply_to: message for message in messages if message.file}
    return [answers[message.id] for message in messages if not message.file]


def stored(stage: Stage, message: Message | None = None) -> StoredFile:
    """The document of a message, or the only posted one, as the server holds it."""
    held = [m for m in stage.telegram.messages() if getattr(m, "media", None)]
    [found] = [stage.telegram.file_of(m) for m in held if message is None or m.id == message.id]
    assert found is not None
    return found
