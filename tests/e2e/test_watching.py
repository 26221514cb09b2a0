"""What is new in a feed is posted from then on, each item once, whatever happens meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.storage.handled import Handled
from medusa.storage.watches import Watch
from tests.e2e.feed_kit import Feed, captions, feeding, on_stage, posts
from tests.e2e.kit import send


@pytest.fixture
async def feed(samples: Samples) -> AsyncIterator[Feed]:
    async with feeding("Two", "One") as feed:
        yield feed


@pytest.fixture
async def stage(config: Config, tmp_path: Path, samples_folder: Path, feed: Feed) -> AsyncIterator[Stage]:
    async with on_stage(config, tmp_path, samples_folder, feed) as stage:
        yield stage


async def watch(stage: Stage, number: int = 1) -> Watch:
    found = await stage.app.watcher.table.get(number)
    assert found
    return found


async def last(stage: Stage, text: str) -> str:
    """What a command is answered that posts nothing itself."""
    return (await send(stage, text))[-1].text


async def test_what_is_new_is_posted_in_order_and_once(stage: Stage, feed: Feed) -> None:
    chat = await stage.channel("Films")
    said = await last(stage, f"/watch {feed.link} --every 6h --to {chat} --silent")
    assert said.startswith("Watch 1 The show\n2 items · every 6 h 0 min · next at ")
    assert said.endswith("\n2 of 2 fit, the newest:\n· Two\n· One\nOf these, none is posted.")
    feed.items[:0] = ["Four <b>", "Three"]
    await send(stage, "/watch now 1")
    assert await captions(stage, chat) == ["Three", "Four <b>"]
    await send(stage, "/watch now 1")
    feed.items = ["Six", "One", *feed.items[:2], "Five"]  # in another order, and one has gone
    await send(stage, "/watch now 1", "/watch now 1")
    assert (await captions(stage, chat))[2:] == ["Six", "Five"]
    card = await last(stage, "/watch 1")
    assert card.split("\n")[1] == feed.link
    assert "2 taken, batch 2" in card
    assert card.split("\n")[-4:] == ["✓ Five", "✓ Six", "✓ Four <b>", "✓ Three"]
    assert " · 2 taken at " in await last(stage, "/watches")
    found = await posts(stage, chat)
    assert [one.file.name for one in found if one.file][:2] == ["Three.bin", "Four _b_.bin"]
    assert not [one for one in await stage.owner.history(chat) if not one.file]
    assert "is watched no more" in await last(stage, "/unwatch 1")
    assert await last(stage, "/watches") == "Nothing is watched. /watch LINK does."
    assert not await stage.app.store.read("SELECT * FROM watch_seen")


async def test_the_first_run_takes_what_is_asked_for(stage: Stage, feed: Feed) -> None:
    feed.items = ["Five", "Four live", "Three", "Two", "One"]
    feed.further = {
        "Five": "<itunes:duration>60</itunes:duration><pubDate>Thu, 05 Mar 2026 10:00:00 GMT</pubDate>",
        "Three": "<itunes:duration>90</itunes:duration><pubDate>Tue, 03 Mar 2026 10:00:00 GMT</pubDate>",
        "Two": "<itunes:duration>9000</itunes:duration><pubDate>Mon, 02 Mar 2026 10:00:00 GMT</pubDate>",
        "One": "<itunes:duration>70</itunes:duration><pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate>",
    }
    said = (await send(stage, f"/watch {feed.link} --first 2 --without live --min 1m --max 2m --newer 2026-03-01"))[0]
    assert "only from 2026-03-01 on, without “live”, at least 1 min 0 s, at most 2 min 0 s" in said.text
    assert said.text.endswith("3 of 5 fit, the newest:\n· Five\n· Three\n· One\n2 of these are posted now, as batch 1.")
    assert await captions(stage) == ["Three", "Five"]
    chat = await stage.channel("Films")
    await send(
        stage, f'/watch {feed.link} --cron "0 6 * * *" --first all --to {chat} -c "{{index}}/{{total}} {{title}}"'
    )
    assert await captions(stage, chat) == ["1/5 One", "2/5 Two", "3/5 Three", "4/5 Four live", "5/5 Five"]
    feed.items[:0] = ["Seven", "Six"]
    feed.further["Seven"] = "<itunes:duration>7200</itunes:duration>"
    await send(stage, "/watch now 1", "/watch now 2")
    assert (await captions(stage))[2:] == ["Six"]  # the file itself tells no duration
    assert (await captions(stage, chat))[5:] == ["1/2 Six", "2/2 Seven"]


async def test_a_feed_that_fails_is_asked_ever_more_rarely(stage: Stage, feed: Feed) -> None:
    await send(stage, f"/watch {feed.link} --every 10m")
    feed.trouble = 500
    for fails in (1, 2, 3):
        await send(stage, "/watch now 1")
        found = await watch(stage)
        assert found.fails == fails
        assert 1800 * 2 ** (fails - 1) <= found.due - found.looked
    said = [one.text for one in await stage.owner.history(0) if one.text.startswith("Watch 1 “The show” fails: ")]
    assert len(said) == 1
    assert "Failed 3 times in a row: " in await last(stage, "/watch 1")
    feed.trouble = 0
    feed.items.insert(0, "Three")
    await send(stage, "/watch now 1")
    assert await captions(stage) == ["Three"]
    assert (await watch(stage)).fails == 0
    assert "works again" in "\n".join(one.text for one in await stage.owner.history(0))


async def test_one_dead_item_keeps_nothing_back(stage: Stage, feed: Feed) -> None:
    await send(stage, f"/watch {feed.link}")
    feed.items[:0] = ["Four", "dead", "Three"]
    await send(stage, "/watch now 1")
    assert await captions(stage) == ["Three", "Four"]
    said = [one.text for one in await stage.owner.history(0)]
    assert any(text.startswith("✗ #2 ") and "404" in text for text in said)
    assert "\n✗ dead\n" in await last(stage, "/watch 1")


async def test_a_paused_watch_rests_until_it_is_resumed(stage: Stage, feed: Feed) -> None:
    await send(stage, f"/watch {feed.link}", "/watch pause 1")
    feed.items.insert(0, "Three")
    await stage.app.watcher.table.put_due(1, 0.0, active=False)
    assert "paused" in await last(stage, "/watches")
    assert not await posts(stage)
    await send(stage, "/set watching off")
    for command in ("/watch resume 1", "/watch now 1", "/watch https://example.com/feed"):
        assert (await last(stage, command)).startswith("Watching is off"), command
    assert (await last(stage, "/watches")).startswith("Watching is off. /set watching on turns it on.\nWatch 1 ")
    assert not await posts(stage)
    await send(stage, "/set watching on", "/watch resume 1")
    assert await captions(stage) == ["Three"]


async def test_one_whose_times_cannot_be_read_rests_alone(stage: Stage, feed: Feed) -> None:
    chat = await stage.channel("Films")
    await send(stage, f"/watch {feed.link}")
    await send(stage, f"/watch {feed.link} --to {chat}")
    async with stage.app.store.write() as db:
        await db.run("UPDATE watches SET times = '61 6 * * *' WHERE id = 1")
    feed.items.insert(0, "Three")
    await send(stage, "/watch now 2")
    assert await captions(stage, chat) == ["Three"]
    assert not (await watch(stage)).active
    said = "\n".join(one.text for one in await stage.owner.history(0))
    assert "Watch 1 “The show” is paused. Its times, “61 6 * * *”, can't be read. /unwatch 1 and " in said
    assert "at “61 6 * * *” · paused" in await last(stage, "/watches")
    assert "can't be read" in await last(stage, "/watch resume 1")
    assert not (await watch(stage)).active
    assert not await posts(stage)


async def test_one_whose_filters_cannot_be_read_fails_alone(stage: Stage, feed: Feed) -> None:
    chat = await stage.channel("Films")
    await send(stage, f"/watch {feed.link}")
    await send(stage, f"/watch {feed.link} --to {chat}")
    for fails, kept in enumerate(("{", '{"older": 1}', "[]"), start=1):
        async with stage.app.store.write() as db:
            await db.run("UPDATE watches SET filters = ? WHERE id = 1", (kept,))
        feed.items.insert(0, f"New {fails}")
        await send(stage, "/watch now 1", "/watch now 2")
        found = await watch(stage)
        assert (found.fails, found.reason) == (fails, "What it is to take can't be read.")
        assert (await captions(stage, chat))[-1] == f"New {fails}"


async def test_a_run_that_is_under_way_posts_nothing_once_it_is_watched_no_more(stage: Stage, feed: Feed) -> None:
    await send(stage, f"/watch {feed.link}")
    feed.items.insert(0, "Three")
    feed.held.clear()
    asked = feed.asked
    number = await stage.owner.send(0, "/watch now 1")
    async with asyncio.timeout(60):
        while feed.asked == asked:
            await asyncio.sleep(0.05)
        place = await stage.owner.send(0, "/unwatch 1")
        while not await Handled(stage.app.store).seen(stage.owner.user_id, place):
            await asyncio.sleep(0.05)
    feed.held.set()
    await play(stage, [Line(text="/watches")])
    assert number < place
    assert not await posts(stage)
    assert not await stage.app.store.read("SELECT * FROM watch_runs")


async def test_each_is_posted_once_across_a_restart(
    config: Config, tmp_path: Path, samples_folder: Path, feed: Feed
) -> None:
    async with on_stage(config, tmp_path, samples_folder, feed) as stage:
        await send(stage, f"/watch {feed.link}")
        feed.items[:0] = ["Four", "Three"]
        feed.held.clear()
        asked = feed.asked
        await stage.owner.send(0, "/watch now 1")
        async with asyncio.timeout(60):
            while feed.asked == asked:
                await asyncio.sleep(0.05)
    feed.held.set()
    async with on_stage(config, tmp_path, samples_folder, feed) as stage:
        await play(stage, [Line(text="/watches")])
        assert await captions(stage) == ["Three", "Four"]
        await stage.app.watcher.now(await watch(stage))
        await play(stage, [Line(text="/watches")])
        assert await captions(stage) == ["Three", "Four"]


async def test_a_long_list_that_grows_at_either_end(stage: Stage, feed: Feed) -> None:
    """Of many items some are read; one that is taken away brings no old one into sight."""
    feed.items = [f"n{number}" for number in range(3_000, 0, -1)]
    said = await last(stage, f"/watch {feed.link}")
    assert "3000 items" in said
    assert await stage.app.store.read("SELECT count(*) FROM watch_seen") == [(550,)]
    feed.items = ["New", *feed.items[480:]]
    await send(stage, "/watch now 1")
    assert await captions(stage) == ["New"]
    feed.items.append("Behind")
    await send(stage, "/watch now 1")
    assert (await captions(stage))[1:] == ["Behind"]
    feed.items += ["Last", "Very last"]
    await send(stage, "/watch now 1")
    assert (await captions(stage))[2:] == ["Last", "Very last"]
    feed.items.insert(0, "Ahead")
    await send(stage, "/watch now 1", "/watch now 1")
    assert (await captions(stage))[4:] == ["Ahead"]


WRONG = [
    ("/watch", "Which list?"),
    ("/watch 7", "There is no watch 7"),
    ("/watch pause", "Which one?"),
    ("/watch pause 1 2", "Which one?"),
    ("/unwatch", "Which one?"),
    ("/unwatch 7", "There is no watch 7"),
    ("/watch a.example/b --every 5m", "takes 10 min"),
    ("/watch a.example/b --cron nonsense", "is no cron expression"),
    ("/watch a.example/b --first some", "--first takes none, all, or a number"),
    ("/watch a.example/b --first 0", "--first takes none, all, or a number"),
    ("/watch a.example/b --to nowhere", "nowhere"),
    ("/watch a.example/b --to me --to new:X", "posts to one chat"),
    ("/watch a.example/b --newer 1.1.2026", "--newer takes a date"),
    ("/watch a.example/b -n Name", "There is no option -n"),
    ("/watch a.example/b -q ask", "-q ask is for one link"),
    ("/watch a.example/b -q Ask", "-q ask is for one link"),
    ("/watch a.example/b -c {nope}", "knows no field"),
    ("/watch FEED/One.bin", "is no list but one application/octet-stream"),
    ("/watch FEED/dead.xml", "dead"),
]


async def test_what_cannot_be_watched_is_said(stage: Stage, feed: Feed) -> None:
    for text, answer in WRONG:
        said = (await send(stage, text.replace("FEED", feed.server.url(""))))[-1].text
        assert answer in said, (text, said)
    assert not await stage.app.watcher.table.all()


async def test_the_same_is_watched_once_for_a_chat(stage: Stage, feed: Feed) -> None:
    await send(stage, f"/watch {feed.link}")
    assert "Watch 1 posts from there to here already" in await last(stage, f"/watch {feed.link} --every 1d")
    chat = await stage.channel("Films")
    assert (await last(stage, f"/watch {feed.link} --to {chat}")).startswith("Watch 2 ")
    assert "it is no forum" in await last(stage, f"/watch {feed.link} --to {chat}/3")
    feed.items = []
    other = await stage.channel("Others")
    assert "Nothing that can be fetched" in await last(stage, f"/watch {feed.link} --to {other}")


async def test_a_chat_without_the_right_to_post_has_its_jobs_wait(stage: Stage, feed: Feed) -> None:
    chat = await stage.channel("Films")
    await send(stage, f"/watch {feed.link} --to {chat}")
    stage.telegram.faults.forbid(chat, "write", "CHAT_WRITE_FORBIDDEN")
    feed.items.insert(0, "Three")
    await stage.owner.send(0, "/watch now 1")
    async with asyncio.timeout(60):
        while not [job for job in await stage.app.jobs.recent(1) if job.state == "waiting"]:
            await asyncio.sleep(0.05)
    [job] = await stage.app.jobs.recent(1)
    assert job.chat_id == stage.owner.user_id
    assert job.order.to == str(chat)
    assert job.reason
