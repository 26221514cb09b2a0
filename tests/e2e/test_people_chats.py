"""What people do in groups, by menus, with files of their own and into chats that they were granted."""

import asyncio
from pathlib import Path

from medusa.demo.stage import Stage
from medusa.model import OWNER, JobState, Role
from medusa.telegram.inbox import Incoming
from medusa.telegram.phone import Message, Phone
from tests.e2e.kit import send
from tests.e2e.test_people import asks, met
from tests.e2e.test_people_matrix import group


async def reply_in(phone: Phone, chat: int, sent: int, beginning: str = "") -> Message:
    """What answers a message in a chat, once it begins like that."""
    async with asyncio.timeout(60):
        while True:
            for one in await phone.history(chat):
                if one.reply_to == sent and one.text != "…" and one.text.startswith(beginning):
                    return one
            await asyncio.sleep(0.05)


async def file_in(phone: Phone, chat: int, name: str) -> Message:
    """The message in a chat with a file of this name, once it is there."""
    async with asyncio.timeout(60):
        while True:
            for one in await phone.history(chat):
                if one.file and one.file.name == name:
                    return one
            await asyncio.sleep(0.05)


async def test_in_a_group_everybody_has_jobs_menus_and_files_of_their_own(stage: Stage) -> None:
    anna, ben, ada = [await met(stage, name) for name in ("Anna", "Ben", "Ada")]
    ours = await group(stage, "Ours", [anna, ben, ada])
    await stage.app.destinations.registry.add(ours, "Ours", "group")
    allowed = [f"/allow {phone.user_id} {role}" for phone, role in ((anna, "user"), (ben, "user"), (ada, "admin"))]
    await send(stage, *allowed)
    await anna.send(ours, f"/dl {stage.media.url}/notes.pdf")
    posted = await file_in(anna, ours, "notes.pdf")
    # What stands in the group is at hand for who writes there.
    await anna.send(ours, "/rename renamed.pdf", reply_to=posted.id)
    await file_in(anna, ours, "renamed.pdf")
    for number in (1, 2):
        await anna.send(ours, f"/dl https://a.example/{number} --at +2h")
    menu = await reply_in(anna, ours, await anna.send(ours, "/cancel"), "Which job?")
    taken = await ben.send(ours, "1", reply_to=menu.id)
    assert "There is nothing to cancel." in (await reply_in(ben, ours, await ben.send(ours, "/cancel"))).text
    await ada.send(ours, "2", reply_to=menu.id)
    async with asyncio.timeout(60):
        while len(await stage.app.jobs.of(anna.user_id).numbers(JobState.WAITING)) > 1:
            await asyncio.sleep(0.05)
    assert [job.state for job in await stage.app.jobs.of(anna.user_id).recent(2)] == [
        JobState.CANCELLED,
        JobState.WAITING,
    ]
    assert not [one for one in await ben.history(ours) if one.reply_to == taken]
    queue = await reply_in(ada, ours, await ada.send(ours, "/queue"))
    assert queue.text.endswith("· Anna")
    assert "a.example" not in (await reply_in(ben, ours, await ben.send(ours, "/queue"))).text
    await send(stage, "/cancel all")


async def test_what_others_may_name_and_where_they_may_post(stage: Stage, tmp_path: Path) -> None:
    anna, sam = [await met(stage, name) for name in ("Anna", "Sam")]
    films, secret = await stage.channel("Films"), await stage.channel("Secret")
    home, link = stage.owner.user_id, f"{stage.media.url}/notes.pdf"
    messages = await send(stage, f"/allow {anna.user_id} user --to Flims")
    assert "There is no registered channel called “Flims”." in messages[-1].text
    assert stage.app.access.people() == []  # what is refused is not done by halves
    messages = await send(stage, f"/allow {anna.user_id} user --to Films")
    assert "Posts may go to “Films”, too." in messages[-1].text
    for phone in (anna, sam):
        await phone.send(home, link)  # among people, a link is no command
    await sam.send(home, f"/dl {link}")
    await anna.send(home, f"/dl {link} --to films,here")
    await file_in(stage.owner, films, "notes.pdf")
    await file_in(anna, home, "notes.pdf")
    for place in ("Secret", str(secret), "Nowhere", "me", "new:Mine"):
        answer = await asks(stage, anna, f'/dl {link} --force --to "{place}"')
        assert answer == f"You may post here, and into “Films”, not into “{place}”."
    assert "for admins" in await asks(stage, anna, f"/dl {link} --pin")
    for key in ("backup-to me", "allow 10.0.0.0/8", "keep-audit 1d"):
        await stage.app.access.allow(anna.user_id, "Anna", Role.ADMIN, OWNER)
        assert "is for the owner, not for you." in await asks(stage, anna, f"/set {key}")
    # What may be a secret goes, and what answers it stays.
    assert await asks(stage, anna, "/panel password correct horse") == "The password is the owner's alone."
    assert not [one for one in await anna.history(home) if "correct horse" in one.text]
    (tmp_path / "list.txt").write_text(f"Notes:{link}\n")
    assert (await asks(stage, anna, "/quota")).startswith("Your quota: no limit of bytes, no limit of jobs.")
    sent = await anna.send(home, "/batch", tmp_path / "list.txt")
    assert "1 item" in (await reply_in(anna, home, sent, "Batch 1")).text
    assert not [one for one in await sam.history(home) if one.text != "Hello!" and one.reply_to]
    replied = [one.reply_to for one in await anna.history(home)]
    assert next(one.id for one in await anna.history(home) if one.text == link) not in replied


async def test_a_command_that_is_heard_twice_is_answered_in_one_place(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user")
    await asks(stage, anna, "/version")
    [heard] = [one for one in stage.telegram.messages(anna.user_id) if one.message == "/version"]
    router, again = stage.app.router, Incoming(anna.user_id, heard.id, "/version", private=False, person=anna.user_id)
    before = len(await anna.history(stage.owner.user_id))
    placed = await router._placed(again)
    assert placed is not None
    assert placed.original == heard.id
    async with asyncio.TaskGroup() as answers:
        await router._hear(placed, answers)
    assert len(await anna.history(stage.owner.user_id)) == before
