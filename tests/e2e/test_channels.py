"""Where posts go, as the owner says it: chats by name, registered channels, defaults, rules and topics."""

import asyncio
from typing import Any

from telethon import utils
from telethon.tl import functions, types

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from medusa.model import JobState, Order
from medusa.model import Stage as At
from tests.e2e.kit import send
from tests.e2e.test_spots import files_in, link


async def answer(stage: Stage, text: str) -> str:
    """What a command in Saved Messages has become."""
    number = await stage.owner.send(0, text.replace("sample:", f"{stage.media.url}/"))
    async with asyncio.timeout(60):
        while (message := await stage.owner.message(0, number)) is None or message.edited is None:
            await asyncio.sleep(0.05)
    await stage.app.idle()
    message = await stage.owner.message(0, number)
    assert message is not None
    return message.text


async def forum(stage: Stage, title: str = "Forum") -> int:
    """A registered forum of the owner; returns its marked id."""
    request = functions.channels.CreateChannelRequest(title, "", megagroup=True, forum=True)
    made = await stage.owner._client(request)
    chat = int(utils.get_peer_id(made.chats[0]))
    await stage.app.destinations.registry.add(chat, title, "forum")
    return chat


async def topic(stage: Stage, chat: int, title: str) -> int:
    peer = await stage.owner._client.get_input_entity(chat)
    made = await stage.owner._client(functions.messages.CreateForumTopicRequest(peer, title, random_id=len(title)))
    return int(made.updates[0].id)


async def of_anna(stage: Stage, **kind: bool) -> tuple[Any, int, Any]:
    """A channel of somebody else with the owner in it: her client, its marked id, and what she calls it."""
    anna = (await stage.person("Anna"))._client
    made = await anna(functions.channels.CreateChannelRequest("Hers", "", **kind))
    await anna(functions.channels.InviteToChannelRequest(made.chats[0], [stage.telegram.owner.username]))
    return anna, int(utils.get_peer_id(made.chats[0])), made.chats[0]


async def grant(stage: Stage, anna: Any, channel: Any, **rights: bool) -> None:
    user = stage.telegram.owner.username
    await anna(functions.channels.EditAdminRequest(channel, user, types.ChatAdminRights(**rights), rank=""))


async def test_a_post_goes_where_the_command_says_and_how(stage: Stage) -> None:
    films = await stage.channel("Films")
    said = await answer(stage, "/dl sample:notes.pdf --to films --to new:Music,me --pin --protect --silent")
    music = next(one.chat_id for one in stage.app.destinations.registry.channels.values() if one.title == "Music")
    assert said.startswith("✓") and "https://t.me/c/" in said and said.endswith("and 2 more")
    for chat in (films, music, stage.owner.user_id):
        [post] = files_in(stage, chat)
        assert (post.noforwards, post.silent, post.pinned) == (True, True, True)
    assert stage.telegram.calls["messages.uploadMedia"] == 1
    await answer(stage, "/dl sample:song.mp3 --to new:Music")
    assert len(files_in(stage, music)) == 2
    assert stage.telegram.calls["channels.createChannel"] == 2
    again = await answer(stage, "/dl sample:song.mp3 --to Music --pin")
    assert "Already posted" in again
    assert files_in(stage, music)[1].pinned


async def test_a_channel_is_made_once_though_the_answer_is_lost(stage: Stage) -> None:
    stage.telegram.faults.drop("channels.createChannel", executed=True)
    assert (await answer(stage, "/dl sample:notes.pdf --to new:Music")).startswith("✓")
    [music] = stage.app.destinations.registry.channels
    assert [chat for chat in stage.telegram.chats() if chat < 0] == [music]
    assert len(files_in(stage, music)) == 1


REFUSED = {
    "/dl sample:notes.pdf --to Fims": "no registered channel called “Fims”. Did you mean “Films”?",
    "/dl sample:notes.pdf --to @nobodyhere": "There is no chat called “@nobodyhere”.",
    "/dl sample:notes.pdf --to -1001999999999": "does not know that chat",
    "/dl sample:notes.pdf --to 5": "chat is unknown to this account",
    "/dl sample:notes.pdf --to -5": "chat is unknown to this account",
    "/dl sample:notes.pdf --to Films/Talk": "“Films” has no topics",
    "/dl sample:notes.pdf --to new:Good,Nowhere": "no registered channel called “Nowhere”",
    "/dl sample:notes.pdf --to new:Good --at yesterday": "is no time",
    "/dl sample:notes.pdf --to new:": "new: needs a name",
    f"/dl sample:notes.pdf --to 'new:{'x' * 200}'": "more than the 128 characters",
    "/dl sample:notes.pdf --to 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20": "20 chats; name at most 10",
    "/dl sample:notes.pdf --to https://t.me/+AbCdEf": "That is an invitation.",
    "/dl sample:notes.pdf --to Anna": "no registered channel called “Anna”",
    "/dl sample:notes.pdf --to @annas_name": "has not written to this account",
    "/channel": "add, remove, default or set",
    "/channel add": "Which chat?",
    "/channel add me": "Only channels and groups",
    "/channel add Elsewhere": "in no channel or group called “Elsewhere”",
    "/channel remove Fims": "Did you mean “Films”?",
    "/channel set Films": "Say the chat and what holds there",
    "/channel set Films silnt=on": "Did you mean silent=?",
    "/channel set Films silent=maybe": "silent is on or off",
    "/channel set Films quality=huge": "does not fit quality",
    "/channel default Films/3": "“Films” has no topics",
    "/route": "Conditions are",
    "/route add audio": "Conditions are",
    "/route add vidio Films": "Did you mean video?",
    "/route add audio new:": "new: needs a name",
    "/route remove 7": "There is no rule 7",
    "/route try nonsense": "is no link",
}


async def test_what_cannot_be_is_refused_in_words_and_makes_nothing(stage: Stage) -> None:
    films = await stage.channel("Films")
    stage.telegram.add_account("+9996600077", "Anna", username="annas_name")
    for text, words in REFUSED.items():
        said = await answer(stage, text)
        assert words in said, text
        assert said.count("\n") < 2
    assert await stage.app.jobs.recent(1) == []
    assert [chat for chat in stage.telegram.chats() if chat < 0] == [films]


async def test_people_are_posted_to_only_after_they_have_written(stage: Stage) -> None:
    account = stage.telegram.add_account("+9996600077", "Anna", username="annas_name")
    assert "nobody is posted to unasked" in await answer(stage, "/dl sample:notes.pdf --to @annas_name")
    stage.telegram.say("Send me the notes", sender=account, peer=stage.owner.user_id)
    assert (await answer(stage, "/dl sample:notes.pdf --to @annas_name")).startswith("✓")
    assert len(files_in(stage, account.user_id)) == 1


async def test_rights_are_looked_at_before_anything_is_fetched(stage: Stage) -> None:
    anna, chat, channel = await of_anna(stage, broadcast=True)
    assert await answer(stage, f"/dl sample:notes.pdf --to {chat}") == "This account may not post in “Hers”."
    assert "may not post in “Hers”" in await answer(stage, "/channel add Hers")
    [job] = await stage.app.scheduler.submit([Order(link(stage, "notes.pdf"), to=str(chat))], stage.owner.user_id, 900)
    async with asyncio.timeout(30):
        while (found := await stage.app.jobs.get(job.id) or job).state is not JobState.WAITING:
            await asyncio.sleep(0.05)
    assert found.reason == "This account may not post in “Hers”. /retry N tries at once."
    assert (found.stage, found.title, stage.telegram.payload) == (At.RESOLVE, "", 0)
    await grant(stage, anna, channel, post_messages=True)
    await stage.app.scheduler.retry(job.id)
    await stage.app.scheduler.idle()
    assert len(files_in(stage, chat)) == 1
    said = await answer(stage, f"/dl sample:song.mp3 --to {chat} --pin")
    assert said.endswith("It is posted, but this account may not pin it.")
    await answer(stage, "/channel add Hers")
    assert "may post, not pin" in await answer(stage, "/channels")


async def test_one_chat_in_trouble_keeps_the_posts_of_no_other(stage: Stage) -> None:
    films, gone = await stage.channel("Films"), await stage.channel("Gone")
    other = await stage.channel("Other")
    held = stage.telegram.faults.fail(
        "messages.sendMedia", "CHAT_ADMIN_REQUIRED", times=None,
        when=lambda request: utils.get_peer_id(request.peer) == gone,
    )  # fmt: skip
    [job] = await stage.app.scheduler.submit(
        [Order(link(stage, "notes.pdf"), to=f"{films} {gone} {other}")], stage.owner.user_id, 900
    )
    async with asyncio.timeout(30):
        while (found := await stage.app.jobs.get(job.id) or job).state is not JobState.WAITING:
            await asyncio.sleep(0.05)
    assert "no right to post" in found.reason
    assert [len(files_in(stage, chat)) for chat in (films, gone, other)] == [1, 0, 1]
    [next_one] = await stage.app.scheduler.submit(
        [Order(link(stage, "song.mp3"), to=str(films))], stage.owner.user_id, 901
    )
    async with asyncio.timeout(30):
        while not (await stage.app.jobs.get(next_one.id) or job).state.ended:
            await asyncio.sleep(0.05)
    held.stop()
    await stage.app.scheduler.retry(job.id)
    await stage.app.scheduler.idle()
    assert [len(files_in(stage, chat)) for chat in (films, gone, other)] == [2, 1, 1]


async def test_a_channel_that_is_deleted_meanwhile_parks_its_jobs_in_words(stage: Stage) -> None:
    chat = await stage.channel("Films")
    await stage.owner.send(0, f"/dl {stage.media.link('slow/clip.mp4?rate=400000')} --to Films")
    async with asyncio.timeout(30):
        while not [one for one in await stage.app.jobs.recent(1) if one.stage is not At.RESOLVE]:
            await asyncio.sleep(0.05)
    await stage.owner._client(functions.channels.DeleteChannelRequest(chat))
    async with asyncio.timeout(60):
        while (await stage.app.jobs.recent(1))[0].state is not JobState.WAITING:
            await asyncio.sleep(0.05)
    assert "private, gone, or has shut this account out" in (await stage.app.jobs.recent(1))[0].reason
    await stage.app.scheduler.cancel(1)
    assert "private, gone" in await answer(stage, "/dl sample:notes.pdf --to Films")
    assert "out of reach" in await answer(stage, "/channels")
    assert "no longer registered" in await answer(stage, "/channel remove Films")


async def test_defaults_hold_where_the_command_says_nothing(stage: Stage) -> None:
    films = await stage.channel("Films")
    said = await answer(stage, '/channel set Films caption="Mine, all mine" silent=on protect=on quality=480p')
    assert said == "“Films”: caption=Mine, all mine, protect=on, quality=480, silent=on."
    await answer(stage, "/channel default Films")
    await answer(stage, "/dl sample:notes.pdf")
    await answer(stage, "/dl sample:song.mp3 --to Films -c other -q 720")
    await play(stage, [Line(text="/dl sample:archive.bin", chat="Films")])
    posts = files_in(stage, films)
    assert [post.message for post in posts] == ["Mine, all mine", "other", "Mine, all mine"]
    assert all(post.silent and post.noforwards for post in posts)
    orders = [job.order for job in await stage.app.jobs.recent(3)]
    assert [order.quality for order in orders] == ["480", "720", "480"]
    assert "silent" not in await answer(stage, "/channel set Films silent=off caption=")
    await answer(stage, "/set silent on")
    assert "silent=off" in await answer(stage, "/channel set Films caption=")
    assert "“Films”, silent is off now" in await answer(stage, "/set silent off --chat Films")
    await answer(stage, "/channel default off")
    await answer(stage, "/dl sample:streamable.mp4")
    assert (len(files_in(stage, films)), len(files_in(stage, stage.owner.user_id))) == (3, 1)


async def test_rules_decide_once_the_file_is_known(stage: Stage) -> None:
    films, music = await stage.channel("Films"), await stage.channel("Music")
    assert await answer(stage, "/route add audio Music") == "Rule 1: audio → “Music”."
    await answer(stage, "/route add 127.0.0.1 >1M Films")
    assert (await answer(stage, "/routes")).splitlines()[1] == "2. 127.0.0.1, over 1.0 MB → “Films”"
    tried = await answer(stage, "/route try sample:song.mp3")
    assert "looks like audio, 142 kB. Rule 1 (audio) would post it in “Music”." in tried
    await send(stage, "/set silent on", "/set silent off --chat Music")
    for name in ("song.mp3", "archive.bin", "notes.pdf"):
        await answer(stage, f"/dl sample:{name}")
    home = stage.owner.user_id
    assert [post.silent for chat in (music, films, home) for post in files_in(stage, chat)] == [False, True, True]
    assert [len(files_in(stage, chat)) for chat in (music, films, home)] == [1, 1, 1]
    decided = [(job.order.to, job.order.routed) for job in await stage.app.jobs.recent(3)]
    assert decided == [("", False), (str(films), False), (str(music), False)]
    # What is known already is decided by what was posted, and not posted twice.
    assert "Already posted" in await answer(stage, "/dl sample:song.mp3")
    assert "Already posted" in await answer(stage, "/dl sample:archive.bin")
    await answer(stage, "/dl sample:song.mp3 --to me")
    assert [len(files_in(stage, chat)) for chat in (music, films, home)] == [1, 1, 2]
    assert "Rule 1 posts there" in await answer(stage, "/channel remove Music")
    await answer(stage, "/route remove 1")
    await answer(stage, "/route add 127.0.0.1 Music")
    assert "Rule 2 (127.0.0.1, over 1.0 MB)" in await answer(stage, "/route try sample:archive.bin")
    await answer(stage, "/dl sample:song.mp3 --force --silent")
    assert [post.silent for post in files_in(stage, music)] == [False, True]


async def test_a_command_in_a_topic_posts_there_and_goes(stage: Stage) -> None:
    chat = await forum(stage)
    number = await topic(stage, chat, "Films")
    command = await stage.owner.send(chat, f"/dl {link(stage, 'notes.pdf')}", reply_to=number)
    async with asyncio.timeout(60):
        while await stage.owner.message(chat, command) is not None:
            await asyncio.sleep(0.05)
    [post] = files_in(stage, chat)
    assert (post.reply_to.forum_topic, post.reply_to.reply_to_top_id) == (True, number)
    refused = await stage.owner.send(chat, "/dl", reply_to=number)
    await send(stage, "/version")
    message = await stage.owner.message(chat, refused)
    assert message is not None and message.text.startswith("Which link?")


async def test_topics_are_found_by_name_and_made_once(stage: Stage) -> None:
    chat = await forum(stage)
    number = await topic(stage, chat, "Films")
    await answer(stage, "/dl sample:notes.pdf --to forum/films --to Forum")
    await answer(stage, f"/dl sample:song.mp3 --to {chat}/{number},Forum/new:Music")
    await answer(stage, "/dl sample:streamable.mp4 --to Forum/new:Music")
    tops = [post.reply_to.reply_to_top_id if post.reply_to else None for post in files_in(stage, chat)]
    music = tops[3]
    assert tops == [number, None, number, music, music] and music not in (None, number)
    assert stage.telegram.calls["messages.createForumTopic"] == 2
    assert "has no topic “Flims”. Did you mean “Films”?" in await answer(stage, "/dl sample:a.bin --to Forum/Flims")
    assert "has no topic “99”" in await answer(stage, "/dl sample:notes.pdf --to Forum/99")
    link = f"https://t.me/c/{-chat - 10**12}/9999999999"
    for text in ("/dl sample:notes.pdf --to Forum/9999999999", f"/dl sample:notes.pdf --to {link}", f"/dl {link}"):
        assert "A number there is larger than any that Telegram gives." in await answer(stage, text), text


async def test_a_closed_topic_takes_no_posts(stage: Stage) -> None:
    anna, chat, channel = await of_anna(stage, megagroup=True, forum=True)
    made = await anna(functions.messages.CreateForumTopicRequest(channel, "Films", random_id=5))
    number = made.updates[0].id
    await anna(functions.messages.EditForumTopicRequest(channel, number, closed=True))
    closed = "The topic “Films” of “Hers” is closed."
    assert await answer(stage, f"/dl sample:notes.pdf --to {chat}/Films") == closed
    await anna(functions.messages.EditForumTopicRequest(channel, number, closed=False))
    stage.telegram.faults.fail("messages.sendMedia", "TOPIC_CLOSED")
    await stage.owner.send(0, f"/dl {link(stage, 'notes.pdf')} --to {chat}/{number}")
    async with asyncio.timeout(60):
        while not (jobs := await stage.app.jobs.recent(1)) or jobs[0].state is not JobState.WAITING:
            await asyncio.sleep(0.05)
    assert jobs[0].reason == "That topic is closed. The file is kept; /retry N tries at once."
    await stage.app.scheduler.retry(jobs[0].id)
    await stage.app.scheduler.idle()
    [post] = files_in(stage, chat)
    assert post.reply_to.reply_to_top_id == number


async def test_registering_a_channel_has_commands_obeyed_in_it(stage: Stage) -> None:
    chat = await stage.owner.create_channel("Films")
    first = await stage.owner.send(chat, f"/dl {link(stage, 'notes.pdf')}")
    said = await answer(stage, "/channel add Films")
    assert said == "“Films” is registered: commands are obeyed there, and --to Films posts there."
    assert await answer(stage, "/channel add Films") == said
    second = await stage.owner.send(chat, f"/dl {link(stage, 'song.mp3')}")
    async with asyncio.timeout(60):
        while await stage.owner.message(chat, second) is not None:
            await asyncio.sleep(0.05)
    assert await stage.owner.message(chat, first) is not None
    assert [file.message for file in files_in(stage, chat)] == ["Bells"]
    await answer(stage, "/channel remove Films")
    third = await stage.owner.send(chat, "/version")
    await send(stage, "/version")
    message = await stage.owner.message(chat, third)
    assert message is not None and message.text == "/version"


async def test_a_batch_goes_to_one_chat_and_takes_what_holds_there(stage: Stage) -> None:
    films = await stage.channel("Films")
    await answer(stage, "/channel set Films caption=Mine protect=on")
    lines = f"\nOne: {link(stage, 'notes.pdf')}\nTwo: {link(stage, 'song.mp3')} -c other"
    assert "A batch goes to one chat" in await answer(stage, f"/batch --to Films,me{lines}")
    assert "no registered channel called “Fims”" in await answer(stage, f"/batch --to Fims{lines}")
    assert "2 items" in await answer(stage, f"/batch --to Films{lines}")
    await answer(stage, "/batch 1 go")
    async with asyncio.timeout(60):
        while len(files_in(stage, films)) < 2:
            await asyncio.sleep(0.1)
    assert [post.message for post in files_in(stage, films)] == ["Mine", "other"]
    assert all(post.noforwards for post in files_in(stage, films))


async def test_sections_of_a_batch_get_topics_of_their_own(stage: Stage) -> None:
    chat = await forum(stage)
    number = await topic(stage, chat, "Films")
    listed = f"/batch --to Forum\nNow:{link(stage, 'notes.pdf')}\n## films\nA:{link(stage, 'song.mp3')}\n"
    plan = await answer(stage, f"{listed}## Books\nB:{link(stage, 'archive.bin')}\nC:{link(stage, 'streamable.mp4')}")
    assert "3. go, each section in a topic of its own" in plan
    await send(stage, "/batch 1 go --topics")
    posts = {post.message: post.reply_to and post.reply_to.reply_to_top_id for post in files_in(stage, chat)}
    books = posts["3. B"]
    assert posts == {"1. Now": None, "2. A": number, "3. B": books, "4. C": books}
    assert books not in (None, number)
