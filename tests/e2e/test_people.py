"""Others are obeyed as far as they were let in, and see nothing that is not theirs."""

import asyncio

import pytest

from medusa.access import MOST_COMMANDS
from medusa.demo.stage import Stage
from medusa.model import OWNER, JobState, Role
from medusa.settings import QUALITY
from medusa.telegram.phone import Message, Phone
from tests.e2e.kit import send


async def met(stage: Stage, name: str) -> Phone:
    """Somebody who has written to the owner's account."""
    phone = await stage.person(name)
    await phone._client.get_entity(stage.telegram.owner.username)
    await phone.send(stage.owner.user_id, "Hello!")
    return phone


async def asks(stage: Stage, phone: Phone, text: str, beginning: str = "") -> str:
    """The answer to a command that somebody writes to the owner's account, once it begins like that."""
    sent = await phone.send(stage.owner.user_id, text)
    async with asyncio.timeout(60):
        while True:
            for one in await phone.history(stage.owner.user_id):
                if one.reply_to == sent and one.text != "…" and one.text.startswith(beginning):
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
    assert "for admins" in await asks(stage, anna, "/limit")
    assert "for the owner" in await asks(stage, anna, "/token example.com abc")
    assert stage.app.access.people()[0].role is Role.USER


async def files_of(stage: Stage, phone: Phone) -> int:
    return len([one for one in await chat_with(stage, phone) if one.file])


async def test_quotas_and_floods_are_answered(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user", f"/quota {anna.user_id} 2/h 1MB/day")
    link = f"{stage.media.url}/archive.bin"
    await anna.send(stage.owner.user_id, f"/dl {link}")
    await send(stage, "/version")
    said = [one.text for one in await chat_with(stage, anna) if "12.6 MB" in one.text]
    assert said and "0 B of your 1.0 MB for today are used; it begins anew at midnight." in said[0]
    await asks(stage, anna, f"/dl {stage.media.url}/dead")
    over = await asks(stage, anna, f"/dl {link} --force")
    assert over.startswith("2 of your 2 jobs an hour are used, and that is 1 more; the next one at ")
    assert "2 jobs within the hour" in await asks(stage, anna, "/quota")
    for _ in range(MOST_COMMANDS + 5):
        await anna.send(stage.owner.user_id, "/version")
    await send(stage, "/version")
    said = [one.text for one in await chat_with(stage, anna)]
    assert len([text for text in said if text.startswith("That is more than 20 commands a minute")]) == 1
    versions = [text for text in said if text.startswith("Medusa ")]
    assert len(versions) < MOST_COMMANDS


async def test_nothing_of_the_owners_comes_to_light(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user", "/dl sample:song.mp3", "/dl sample:notes.pdf", "/cancel 9")
    uploaded = stage.telegram.calls["upload.saveFilePart"]
    await anna.send(stage.owner.user_id, f"/dl {stage.media.url}/song.mp3")
    async with asyncio.timeout(60):
        while not await files_of(stage, anna):
            await asyncio.sleep(0.05)
    # What the owner has posted, perhaps with a login, is no answer to a link of hers.
    assert stage.telegram.calls["upload.saveFilePart"] > uploaded
    assert "can be named" in await asks(stage, anna, f"/dl https://t.me/c/{stage.owner.user_id}/1", "✗")
    assert "There is no job #1." in await asks(stage, anna, "/job 1")
    assert "1 running" not in await asks(stage, anna, "/queue")
    assert "You may post here only, not into" in await asks(stage, anna, "/dl https://example.com/a.mp4 --to me")
    assert "for the owner" in await asks(stage, anna, '/dl https://example.com/a.mp4 --header "A: b"')


async def test_one_job_does_not_wait_for_a_hundred_of_others(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user", "/set per-host 16")
    slow = " ".join(f"{stage.media.url}/slow/song.mp3?rate=60000&n={number}" for number in range(20))
    await stage.owner.send(0, f"/dl {slow} --force")
    await anna.send(stage.owner.user_id, f"/dl {stage.media.url}/notes.pdf")
    async with asyncio.timeout(100):
        while not await files_of(stage, anna):
            await asyncio.sleep(0.1)
    left = await stage.app.jobs.of(0).numbers(JobState.QUEUED)
    assert len(left) > 10
    await send(stage, "/cancel all")


async def test_the_record_holds_and_forgets(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user", "/set quality 720", "/token example.com SECRETSECRET")
    await asks(stage, anna, "/dl https://dead.invalid/x")
    audit = stage.app.access.audit
    entries = await audit.recent(10)
    assert [(one.person, one.act, one.detail) for one in reversed(entries)] == [
        (0, "allow", f"{anna.user_id} user"),
        (0, "set", "quality 720"),
        (0, "token", ""),
        (anna.user_id, "dl", "https://dead.invalid/x"),
    ]
    assert await audit.verified() == len(entries)
    assert await audit.erase(anna.user_id) == 2
    assert await audit.verified() == len(entries)
    async with stage.app.store.write() as db:
        await db.run("UPDATE audit SET at = at + 1 WHERE id = 2")
    with pytest.raises(LookupError, match="2"):
        await audit.verified()


async def test_settings_hold_for_all_for_one_and_in_a_chat(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    chat = await stage.channel("Films")
    await send(stage, f"/allow {anna.user_id} user", "/set quality 720", f"/set quality 480 --for {anna.user_id}")
    await send(stage, "/set quality 360 --chat Films", "/set silent on --chat Films")
    settings, registry = stage.app.settings, stage.app.destinations.registry
    assert (settings[QUALITY], settings.of(anna.user_id, QUALITY)) == ("720", "480")
    assert registry.channels[chat].defaults == {"quality": "360", "silent": "on"}
    assert "quality is now 1080 for the jobs of Anna." in await asks(stage, anna, "/set quality 1080")
    assert "is the same for all; for one person there are quality, documents, silent." in await asks(
        stage, anna, "/set prefix !"
    )
    assert "--chat is for admins" in await asks(stage, anna, "/set quality best --chat Films")
    await send(stage, f"/allow {anna.user_id} admin")
    assert "backup-to is for the owner, not for you" in await asks(stage, anna, "/set backup-to me")
    assert "prefix is now" in await asks(stage, anna, "/set prefix /.")
    await stage.app.access.allow(99, "Ben", Role.ADMIN, OWNER)
    for command in ("/set quality 144 --for 99", "/unset quality --for 99"):
        assert "That takes somebody above" in await asks(stage, anna, command)
    assert "is now 1080 for" in await asks(stage, anna, f"/set quality 1080 --for {anna.user_id}")
    await send(stage, f"/allow {anna.user_id} user")
    whole = (await send(stage, "/settings quality"))[-1].text
    assert "quality = 720 (default best)" in whole
    assert "Anna has 1080" in whole and "in “Films” it is 360" in whole
    assert "quality is 720 again." in await asks(stage, anna, "/unset quality")
    await send(stage, "/unset quality --chat Films", "/set others off")
    assert registry.channels[chat].defaults == {"silent": "on"}
    await anna.send(stage.owner.user_id, "/version")
    await send(stage, "/version")
    assert "Nobody is heard but you: /set others on" in (await send(stage, "/users"))[-1].text
    assert "until /set others on." in (await send(stage, f"/allow {anna.user_id} user"))[-1].text
    await send(stage, "/set others on")
    refused = f"/set quality 144 --for {anna.user_id} --chat Films"
    assert "--for and --chat exclude one another" in (await send(stage, refused))[-1].text
    assert "put --chat and the chat behind it" in (await send(stage, "/set caption Mine"))[-1].text
    await send(stage, f"/set quality 480 --for {anna.user_id}")
    assert settings.own(anna.user_id) == {"quality": "480"}
    await send(stage, f"/erase {anna.user_id} yes-erase yes-erase")
    assert settings.own(anna.user_id) == {}
    assert not [one.text for one in await chat_with(stage, anna) if one.text.startswith("Medusa ")]


async def test_jobs_of_somebody_who_is_let_in_no_more_are_ended_also_by_a_second_word(stage: Stage) -> None:
    anna = await met(stage, "Anna")
    await send(stage, f"/allow {anna.user_id} user")
    for number in (1, 2):
        await asks(stage, anna, f"/dl https://a.example/{number} --at +2h", "…")
    hers = stage.app.jobs.of(anna.user_id)
    assert len(await hers.numbers(JobState.WAITING)) == 2
    deny = f"/deny {anna.user_id}"
    await stage.owner.send(0, deny)
    denied, ended, again = [one.text for one in (await send(stage, f"{deny} --cancel", deny))[-3:]]
    assert denied == "Anna is not let in any more. Jobs under way end with what they have; --cancel ends them at once."
    assert ended == "Anna is not let in any more.\nJob #1 is cancelled.\nJob #2 is cancelled."
    assert not await hers.numbers(JobState.WAITING)
    assert again == f"Nobody is let in who has the id {anna.user_id}."
