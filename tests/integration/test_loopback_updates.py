"""What other sessions are told, and what a client catches up on after it was away."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import events
from telethon.network import MTProtoSender
from telethon.tl import functions, types

from medusa.loopback import Loopback, serve
from tests.integration.loopback_clients import Heard, connected, logged_in, session_for, until


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        yield running


async def test_another_session_hears_of_new_edited_and_deleted_messages(loopback: Loopback) -> None:
    async with logged_in(loopback) as one, logged_in(loopback) as two:
        new, edited, deleted = (
            Heard(two, kind()) for kind in (events.NewMessage, events.MessageEdited, events.MessageDeleted)
        )
        own = Heard(one, events.NewMessage())
        sent = await one.send_message("me", "first")
        assert (await new.next()).message.message == "first"
        await one.edit_message("me", sent.id, "second")
        assert (await edited.next()).message.message == "second"
        await one.delete_messages("me", [sent.id])
        assert (await deleted.next()).deleted_ids == [sent.id]
        await two.send_message("me", "back")
        assert (await own.next()).message.message == "back"
        assert own.empty
        assert new.empty


async def test_the_server_itself_can_speak(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        heard = Heard(client, events.NewMessage())
        loopback.say("to oneself")
        assert (await heard.next()).message.message == "to oneself"
        channel = loopback.channel("News")
        assert (await heard.next() if not heard.empty else None) is None
        loopback.say("in the channel", peer=channel)
        event = await heard.next()
        assert (event.chat_id, event.chat.title, event.message.message) == (channel, "News", "in the channel")


async def test_a_client_that_was_away_catches_up(loopback: Loopback) -> None:
    session = session_for(loopback)
    async with logged_in(loopback, session=session) as client:
        channel = loopback.channel("News")
        await client.get_dialogs()
        heard = Heard(client, events.NewMessage())
        loopback.say("known", peer=channel)
        await heard.next()
        loopback.say("known too")
        await heard.next()
    loopback.say("missed")
    doomed = loopback.say("missed and gone")
    loopback.say("missed in the channel", peer=channel)
    async with logged_in(loopback) as other:
        await other.delete_messages("me", [doomed])
    async with connected(loopback, session=session, catch_up=True) as client:
        heard = Heard(client, events.NewMessage())
        caught = [(await heard.next()).message.message for _ in range(2)]
        assert sorted(caught) == ["missed", "missed in the channel"]
        assert loopback.calls["updates.getChannelDifference"] == 1
        loopback.say("now")
        assert (await heard.next()).message.message == "now"
        assert heard.empty


async def test_a_cut_connection_loses_nothing(loopback: Loopback) -> None:
    async with logged_in(loopback, connection_retries=100) as client:
        heard = Heard(client, events.NewMessage())
        loopback.say("before")
        assert (await heard.next()).message.message == "before"
        loopback.faults.refuse_connections()
        loopback.faults.drop_connections()
        await until(lambda: loopback.connections() == 0)
        loopback.say("while it was away")
        loopback.faults.refuse_connections(False)
        assert (await client.get_me()).first_name == "Owner"
        await client.catch_up()
        assert (await heard.next()).message.message == "while it was away"


async def test_a_long_absence_is_told_in_slices(loopback: Loopback) -> None:
    session = session_for(loopback)
    async with logged_in(loopback, session=session):
        pass
    for number in range(510):
        loopback.say(f"text {number}")
    async with connected(loopback, session=session, catch_up=True) as client:
        heard = Heard(client, events.NewMessage())
        assert [(await heard.next()).message.message for _ in range(510)] == [f"text {n}" for n in range(510)]
        assert loopback.calls["updates.getDifference"] >= 3


async def test_channel_differences_come_in_slices_too(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        marked = loopback.channel("News")
        await client.get_dialogs()
        channel = await client.get_input_entity(marked)
        for number in range(5):
            loopback.say(f"post {number}", peer=marked)
        request = functions.updates.GetChannelDifferenceRequest(
            channel, types.ChannelMessagesFilterEmpty(), pts=2, limit=3
        )
        first = await client(request)
        assert ([message.message for message in first.new_messages], first.final) == (
            ["post 0", "post 1", "post 2"],
            False,
        )
        request.pts = first.pts
        second = await client(request)
        assert ([message.message for message in second.new_messages], second.final) == (["post 3", "post 4"], True)
        request.pts = second.pts
        assert isinstance(await client(request), types.updates.ChannelDifferenceEmpty)


async def test_edits_and_deletions_are_part_of_the_difference(loopback: Loopback) -> None:
    async with logged_in(loopback) as client:
        for text in ("one", "two", "three"):
            loopback.say(text)
        state = await client(functions.updates.GetStateRequest())
        await client.edit_message("me", 1, "changed")
        await client.delete_messages("me", [2, 3])
        difference = await client(functions.updates.GetDifferenceRequest(state.pts, state.date, 0))
        kinds = [type(update) for update in difference.other_updates]
        assert kinds == [types.UpdateEditMessage, types.UpdateDeleteMessages]
        assert difference.other_updates[1].messages == [2, 3]
        assert difference.state.pts == state.pts + 3
        ahead = await client(functions.updates.GetDifferenceRequest(10**6, state.date, 0))
        assert ahead.pts == difference.state.pts


async def test_connections_that_only_transfer_are_told_nothing(loopback: Loopback) -> None:
    async with logged_in(loopback) as client, logged_in(loopback, receive_updates=False) as mute:
        sender = MTProtoSender(client.session.auth_key, loggers=client._log, updates_queue=client._updates_queue)
        await sender.connect(
            client._connection(loopback.host, loopback.port, loopback.dc_id, loggers=client._log, proxy=None)
        )
        handled: list[Any] = []
        sender._handle_update = handled.append
        assert await sender.send(functions.upload.SaveFilePartRequest(1, 0, b"part"))
        heard, unheard = Heard(client, events.NewMessage()), Heard(mute, events.NewMessage())
        loopback.say("for listeners")
        await heard.next()
        assert await sender.send(functions.upload.SaveFilePartRequest(1, 1, b"part"))
        assert (await mute.get_me()).first_name == "Owner"
        assert (handled, unheard.empty) == ([], True)
        await sender.disconnect()
