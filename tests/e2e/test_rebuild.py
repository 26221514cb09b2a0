"""/rebuild: a library that was lost is made anew from what stands in the chat."""

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.tags import Tags


async def lose(stage: Stage) -> None:
    """Forget all posts, as a lost state has."""
    async with stage.app.store.write() as db:
        await db.run("DELETE FROM library")


async def say(stage: Stage, *texts: str, chat: str = "me") -> str:
    await play(stage, [Line(text=text, chat=chat) for text in texts])
    said = await stage.owner.history(stage.owner.user_id)
    return said[-1].text if said else ""


def files(stage: Stage, channel: int) -> list[str]:
    return [one.message for one in stage.telegram.messages(channel) if getattr(one, "media", None)]


async def test_marked_posts_are_known_again_and_others_are_found(stage: Stage) -> None:
    channel = await stage.channel("Films")
    plain, marked = f"{stage.media.url}/notes.pdf", f"{stage.media.url}/song.mp3"
    await say(stage, f"/dl {plain}", chat="Films")
    await say(stage, "/set tags on")
    await say(stage, f"/dl {marked} -c Tune", chat="Films")
    assert files(stage, channel)[1].startswith("Tune\n#m")
    await lose(stage)
    assert "2 posts found" in await say(stage, f"/rebuild {channel}")
    assert "0 posts found" in await say(stage, f"/rebuild https://t.me/c/{-channel - 10**12}/5")
    assert "notes.pdf" in await say(stage, "/find notes")
    before = stage.telegram.payload
    await say(stage, f"/dl {marked} -c Tune", chat="Films")
    assert (stage.telegram.payload, len(files(stage, channel))) == (before, 2)
    await say(stage, f"/dl {plain}", chat="Films")  # its name and size prove nothing
    assert len(files(stage, channel)) == 3


async def test_a_mark_that_was_moved_or_made_up_stands_for_nothing(stage: Stage) -> None:
    channel = await stage.channel("Films")
    await say(stage, "/set tags on")
    link = f"{stage.media.url}/song.mp3"
    await say(stage, f"/dl {link} -c Tune", chat="Films")
    mark = files(stage, channel)[0].partition("\n")[2]
    await say(stage, "/set tags off")
    await say(stage, f'/dl {stage.media.url}/notes.pdf -c "Tune\n{mark}"', chat="Films")
    first = next(one.id for one in stage.telegram.messages(channel) if getattr(one, "media", None))
    await stage.owner.delete(channel, first)
    await lose(stage)
    await say(stage, f"/rebuild {channel}")
    await say(stage, f"/dl {link} -c Tune", chat="Films")
    assert files(stage, channel)[-1] == "Tune"
    assert len(files(stage, channel)) == 2


async def test_the_key_of_a_lost_state_is_taken_over(stage: Stage) -> None:
    channel = await stage.channel("Films")
    await say(stage, "/set tags on")
    await say(stage, f"/dl {stage.media.url}/song.mp3 -c Tune", chat="Films")
    shown = await say(stage, "/rebuild key")
    tags: Tags = stage.app.router._desk.tags
    key = tags.key
    assert key in shown
    await say(stage, "/rebuild key", chat="Films")
    assert "the owner alone" in (await stage.owner.history(channel))[-1].text
    await tags.adopt("A" * 32)
    await lose(stage)
    said = await say(stage, f"/rebuild {channel} --key {key}")
    assert "1 posts found" in said
    assert [key in one.text for one in await stage.owner.history(stage.owner.user_id)].count(True) == 1
    await say(stage, f"/dl {stage.media.url}/song.mp3 -c Tune", chat="Films")
    assert len(files(stage, channel)) == 1
