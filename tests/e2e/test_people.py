"""Others are obeyed as far as they were let in, and see nothing that is not theirs."""

import asyncio

from medusa.demo.stage import Stage
from medusa.model import Role
from medusa.telegram.phone import Message, Phone
from tests.e2e.kit import send


async def met(stage: Stage, name: str) -> Phone:
    """Somebody who has written to the owner's account."""
    phone = await stage.person(name)
    await phone._client.get_entity(stage.telegram.owner.username)
    await phone.send(stage.owner.user_id, "Hello!")
    return phone


async def asks(stage: Stage, phone: Phone, text: str) -> str:
    """What stands as the answer to a command that somebody writes to the owner's account."""
    sent = await phone.send(stage.owner.user_id, text)
    async with asyncio.timeout(60):
        while True:
            for one in await phone.history(stage.owner.user_id):
                if one.reply_to == sent and one.text != "…":
                    return one.text
            await asyncio.sleep(0.05)


async def chat_with(stage: Stage, phone: Phone) -> list[Message]:
    return await phone.history(stage.owner.user_id)


async def test_somebody_who_is_let_in_has_jobs_of_their_own(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user", "/dl sample:song.mp3")
    await anna.send(stage.owner.user_id, f"/dl {stage.media.url}/notes.pdf")
    async with asyncio.timeout(60):
        while not [one for one in await chat_with(stage, anna) if one.file]:
            await asyncio.sleep(0.05)
    jobs = await stage.app.jobs.recent(5)
    assert [job.order.person for job in jobs] == [anna.user_id, 0]
    assert "song" not in await asks(stage, anna, "/history")
    assert "There is no job #1." in await asks(stage, anna, "/cancel 1")
    assert "for admins" in await asks(stage, anna, "/settings")
    assert "for the owner" in await asks(stage, anna, "/token example.com abc")
    assert stage.app.destinations is not None
    assert stage.app.access.people()[0].role is Role.USER
