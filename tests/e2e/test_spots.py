"""Where posts go: other chats than the command's, several of them, topics, and places that were kept for them."""

from typing import Any

from medusa.demo.stage import Stage
from medusa.model import Job, JobState, Order


async def new_channel(stage: Stage, title: str = "Films") -> int:
    """A channel of the owner; returns its marked id."""
    return await stage.channel(title)


async def done(stage: Stage, *orders: Order, message_id: int = 900) -> list[Job]:
    """The jobs of some orders, once they have ended."""
    jobs = await stage.app.scheduler.submit(orders, stage.owner.user_id, message_id)
    await stage.app.scheduler.idle()
    return [found for job in jobs if (found := await stage.app.jobs.get(job.id)) is not None]


def files_in(stage: Stage, chat: int) -> list[Any]:
    return [one for one in stage.telegram.messages(chat) if getattr(one, "media", None)]


def link(stage: Stage, name: str) -> str:
    return f"{stage.media.url}/{name}"


async def test_several_spots_take_one_upload(stage: Stage) -> None:
    one, two = await new_channel(stage), await new_channel(stage, "More films")
    [job] = await done(stage, Order(link(stage, "clip.mp4"), to=f"{one} {two}"))
    assert (job.state, job.post_id) == (JobState.DONE, files_in(stage, one)[0].id)
    [first], [second] = files_in(stage, one), files_in(stage, two)
    assert first.media.document.id == second.media.document.id
    assert files_in(stage, stage.owner.user_id) == []


async def test_a_kept_place_becomes_the_post(stage: Stage) -> None:
    chat = await new_channel(stage)
    places = [await stage.app.pipeline.posting.messenger.say(chat, f"{number}. …") for number in (1, 2)]
    orders = [
        Order(link(stage, name), to=str(chat), slot=place)
        for name, place in zip(("clip.mp4", "song.mp3"), reversed(places), strict=True)
    ]
    jobs = await done(stage, *orders)
    assert [job.post_id for job in jobs] == list(reversed(places))
    assert [one.id for one in files_in(stage, chat)] == places
    [again] = await done(stage, Order(orders[0].link, to=str(chat), slot=places[1]), message_id=901)
    assert (again.state, again.post_id) == (JobState.DONE, places[1])


async def test_a_place_that_cannot_be_filled_fails_in_words(stage: Stage) -> None:
    chat = await new_channel(stage)
    stage.telegram.faults.fail("messages.editMessage", "MEDIA_PREV_INVALID")
    [job] = await done(stage, Order(link(stage, "notes.pdf"), to=str(chat), slot=2))
    assert job.state is JobState.FAILED
    assert "message" in job.reason
