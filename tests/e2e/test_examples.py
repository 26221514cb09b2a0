"""Every example of a command that reworks media is sent in reply to a posted video, and must be done or answered."""

import asyncio

import pytest

from medusa.commands import Command
from medusa.demo.script import all_done, settled
from medusa.demo.stage import Stage
from medusa.discover import plugins
from medusa.telegram.inbox import Incoming
from tests.e2e.kit import send

MEDIA = [one for one in plugins("medusa.commands", "COMMAND", Command).values() if one.family == "Media"]
PARTS = 4
"""So that several workers share the commands; the examples of one belong together."""
POSTED = ("clip.mp4 --scale 270", "sequel.mp4 --scale 270")
"""What stands there as job #1, which is replied to, and as job #2 behind it: half of the pixels are enough."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
async def test_every_example_is_done(stage: Stage, part: int) -> None:
    """Many on one stage and at once, since most of the time goes into waiting for silence."""
    for sample in POSTED:
        await send(stage, f"/dl sample:{sample}")
    home = stage.owner.user_id
    first = next(message.id for message in await stage.owner.history(home) if message.file)
    sent: dict[int, str] = {}
    for example in (example for command in MEDIA[part::PARTS] for example in command.examples):
        sent[await stage.owner.send(0, f"/{example}", None, first)] = f"/{example}"
    async with asyncio.timeout(570):
        await settled(stage, [Incoming(home, number, text, first, private=True) for number, text in sent.items()])
    outcome = {text: await _answer(stage, number) for number, text in sent.items()}
    assert not [text for text, answer in outcome.items() if answer in ("", text) or answer.startswith("✗")], outcome
    assert not stage.app.router.refused, outcome
    assert await all_done(stage), outcome


async def _answer(stage: Stage, number: int) -> str:
    """What a command's message reads in the end."""
    message = await stage.owner.message(stage.owner.user_id, number)
    return message.text if message else ""
