"""What fails out of the owner's sight is said in Saved Messages, once, and what is in sight is not said again."""

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import Order
from tests.e2e.kit import send


async def texts(stage: Stage) -> list[str]:
    return [message.text for message in await stage.owner.history(0)]


async def test_a_failure_in_a_channel_is_said_at_home_too(stage: Stage) -> None:
    channel = await stage.channel("Films")
    await play(stage, [Line("/dl sample:dead", chat="Films"), Line("/dl sample:notes.pdf", chat="Films")])
    told = [message for message in await stage.owner.history(channel) if not message.file]
    assert [message.text.split()[:2] for message in told] == [["✗", "#1"]]
    assert await texts(stage) == [told[0].text]


async def test_a_failure_whose_message_is_gone_is_said_once(stage: Stage) -> None:
    place = await stage.owner.send(0, "a note")
    await stage.owner.delete(0, place)
    app, link = stage.app, stage.media.link("dead")
    await app.scheduler.submit([Order(link), Order(link)], app.account.user_id, place)
    assert [message.text.split("\n")[0] for message in await send(stage)] == [f"✗ #1 {link}"]
    assert sorted(line.split()[1] for line in (await texts(stage))[0].split("\n") if line[0] == "✗") == ["#1", "#2"]
    assert await app.jobs.untold() == []


async def test_what_is_in_sight_is_said_only_when_it_is_wanted(stage: Stage) -> None:
    await send(stage, "/dl sample:dead", "/dl sample:notes.pdf")
    assert len(await texts(stage)) == 3
    await send(stage, "/set notice-done on", "/dl sample:archive.bin")
    assert [text.split()[:3] for text in await texts(stage) if "archive.bin" in text and text[0] == "✓"] == [
        ["✓", "#3", "archive.bin"],
        ["✓", "#3", "archive.bin"],
    ]
