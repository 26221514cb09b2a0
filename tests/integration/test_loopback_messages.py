"""Messages of the embedded Telegram, through the real Telethon client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from telethon import errors, events, utils
from telethon.tl import functions, types

from medusa.loopback import Account, Loopback, serve
from tests.integration.loopback_clients import Heard, logged_in


@pytest.fixture
async def loopback() -> AsyncIterator[Loopback]:
    async with serve() as running:
        yield running


@pytest.fixture
async def client(loopback: Loopback) -> AsyncIterator[Any]:
    async with logged_in(loopback) as telethon:
        yield telethon


@pytest.fixture
def friend(loopback: Loopback) -> Account:
    return loopback.add_account("+9996620002", "Friend", username="friend")


def texts(loopback: Loopback, *where: Any) -> list[str]:
    return [message.message for message in loopback.messages(*where)]


async def test_texts_are_sent_edited_and_deleted(client: Any, loopback: Loopback) -> None:
    sent = await client.send_message("me", "**bold** 😀 plain")
    assert [(entity.offset, entity.length) for entity in loopback.messages()[0].entities] == [(0, 4)]
    edited = await client.edit_message("me", sent.id, "other")
    assert (edited.text, edited.edit_date is None) == ("other", False)
    with pytest.raises(errors.MessageNotModifiedError):
        await client.edit_message("me", sent.id, "other")
    linked = await client.edit_message("me", sent.id, "😀 see https://example.org/a?b=1, or <b>")
    assert linked.entities == [types.MessageEntityUrl(7, 25)]
    await client.delete_messages("me", [sent.id, 99])
    assert await client.get_messages("me", ids=sent.id) is None
    with pytest.raises(errors.MessageIdInvalidError):
        await client.edit_message("me", sent.id, "more")
    assert (await client.send_message("me", "next")).id == sent.id + 1


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("x" * 4096, None),
        ("x" * 4097, errors.MessageTooLongError),
        ("😀" * 2048, None),
        ("😀" * 2048 + "x", errors.MessageTooLongError),
        ("  \n", errors.MessageEmptyError),
    ],
)
async def test_lengths_are_counted_in_utf16_units(
    client: Any, loopback: Loopback, text: str, error: type[Exception] | None
) -> None:
    request = functions.messages.SendMessageRequest("me", text, random_id=1)
    if error is None:
        await client(request)
        assert texts(loopback) == [text]
        return
    with pytest.raises(error):
        await client(request)


async def test_entities_must_lie_inside_the_text(client: Any) -> None:
    request = functions.messages.SendMessageRequest("me", "😀", random_id=1, entities=[types.MessageEntityBold(1, 2)])
    with pytest.raises(errors.EntityBoundsInvalidError):
        await client(request)


async def test_a_random_id_posts_once_per_chat_for_ever(client: Any, loopback: Loopback) -> None:
    request = functions.messages.SendMessageRequest("me", "once", random_id=77)
    first = await client(request)
    again = await client(functions.messages.SendMessageRequest("me", "different", random_id=77))
    assert [update.id for update in (first.updates[0], again.updates[0])] == [1, 1]
    assert again.updates[1].message.message == "once"
    assert again.updates[1].pts == first.updates[1].pts
    marked = loopback.channel("News")
    await client.get_dialogs()
    channel = await client.get_input_entity(marked)
    await client(functions.messages.SendMessageRequest(channel, "elsewhere", random_id=77))
    assert texts(loopback) == ["once"]
    assert texts(loopback, utils.get_peer_id(channel))[1:] == ["elsewhere"]
    await client.delete_messages("me", [1])
    gone = await client(request)
    assert ([update.id for update in gone.updates], texts(loopback)) == ([1], [])
    with pytest.raises(errors.RandomIdEmptyError):
        await client(functions.messages.SendMessageRequest("me", "none", random_id=0))


async def test_history_pages_the_way_offsets_say(client: Any, loopback: Loopback) -> None:
    for number in range(1, 13):
        loopback.say(f"text {number}")
    me = types.InputPeerSelf()

    async def ids(offset_id: int, add_offset: int, limit: int, max_id: int = 0, min_id: int = 0) -> list[int]:
        request = functions.messages.GetHistoryRequest(me, offset_id, None, add_offset, limit, max_id, min_id, 0)
        return [message.id for message in (await client(request)).messages]

    assert await ids(0, 0, 3) == [12, 11, 10]
    assert await ids(10, 0, 3) == [9, 8, 7]
    assert await ids(10, -3, 3) == [12, 11, 10]
    assert await ids(11, -5, 5) == [12, 11]
    assert await ids(5, -2, 4) == [6, 5, 4, 3]
    assert await ids(0, 10, 5) == [2, 1]
    assert await ids(0, 0, 50, max_id=6, min_id=3) == [5, 4]
    assert [message.id async for message in client.iter_messages("me", reverse=True)] == list(range(1, 13))
    assert [message.id async for message in client.iter_messages("me", min_id=9)] == [12, 11, 10]


async def test_search_finds_by_text_and_by_kind(client: Any, loopback: Loopback) -> None:
    await client.send_message("me", "see https://example.org/100%_sure")
    await client.send_message("me", "nothing here")
    await client.send_file("me", b"data", attributes=[types.DocumentAttributeFilename("a.bin")], caption="A file")
    assert [message.id async for message in client.iter_messages("me", search="100%_S")] == [1]
    assert [m.id async for m in client.iter_messages("me", filter=types.InputMessagesFilterUrl())] == [1]
    assert [m.id async for m in client.iter_messages("me", filter=types.InputMessagesFilterDocument())] == [3]
    assert [m.id async for m in client.iter_messages("me", filter=types.InputMessagesFilterVideo())] == []


async def test_a_private_chat_has_two_sides(client: Any, loopback: Loopback, friend: Account) -> None:
    async with logged_in(loopback, friend) as other:
        first = await client.send_message("friend", "hello")
        answer = await other.send_message("owner", "hi", reply_to=1)
        assert texts(loopback, loopback.owner.user_id, friend) == ["hello", "hi"]
        mine = await client.get_messages("friend", ids=2)
        assert (mine.out, mine.reply_to.reply_to_msg_id, mine.sender_id) == (False, first.id, friend.user_id)
        await client.edit_message("friend", first.id, "hello!")
        assert texts(loopback, loopback.owner.user_id, friend) == ["hello!", "hi"]
        with pytest.raises(errors.MessageAuthorRequiredError):
            await client.edit_message("friend", 2, "not mine")
        await client.send_read_acknowledge("friend")
        assert (await other.get_dialogs())[0].dialog.read_outbox_max_id == answer.id
        await client.delete_messages("friend", [first.id], revoke=False)
        assert texts(loopback, loopback.owner.user_id, friend) == ["hello!", "hi"]
        await other.delete_messages("owner", [answer.id])
        assert texts(loopback, friend.user_id) == []


async def test_forwards_pins_and_reactions(client: Any, loopback: Loopback) -> None:
    channel = loopback.channel("News")
    await client.get_dialogs()
    post = await client.send_message(channel, "in the channel")
    forwarded = await client.forward_messages("me", post)
    assert (forwarded.text, forwarded.fwd_from.channel_post) == ("in the channel", post.id)
    assert utils.get_peer_id(forwarded.fwd_from.from_id) == channel
    await client.pin_message(channel, post)
    assert [
        message.id async for message in client.iter_messages(channel, filter=types.InputMessagesFilterPinned())
    ] == [post.id]
    await client.unpin_message(channel, post)
    reaction = types.ReactionEmoji("👍")
    await client(functions.messages.SendReactionRequest(channel, post.id, reaction=[reaction]))
    shown = await client.get_messages(channel, ids=post.id)
    assert (shown.pinned, shown.reactions.results[0].reaction) == (False, reaction)


async def test_a_channel_belongs_to_its_members_and_its_owner_writes(
    client: Any, loopback: Loopback, friend: Account
) -> None:
    created = await client(functions.channels.CreateChannelRequest("Films", "about", broadcast=True))
    channel = created.chats[0]
    post = await client.send_message(channel, "first")
    assert (post.post, post.out, post.from_id) == (True, True, None)
    foreign = types.InputPeerChannel(channel.id, channel.access_hash)
    async with logged_in(loopback, friend) as other:
        with pytest.raises(errors.ChannelPrivateError):
            await other.get_messages(foreign, limit=1)
        with pytest.raises(errors.ChannelInvalidError):
            await other.get_messages(types.InputPeerChannel(channel.id, 1), limit=1)
        await client(functions.channels.InviteToChannelRequest(channel, [await client.get_input_entity("friend")]))
        assert [message.text for message in await other.get_messages(foreign, limit=1)] == ["first"]
        with pytest.raises(errors.ChatWriteForbiddenError):
            await other.send_message(foreign, "me too")
        with pytest.raises(errors.MessageDeleteForbiddenError):
            await other.delete_messages(foreign, [post.id])
        await other.delete_dialog(foreign)
        with pytest.raises(errors.ChannelPrivateError):
            await other.get_messages(foreign, limit=1)
    full = await client(functions.channels.GetFullChannelRequest(channel))
    assert (full.full_chat.about, full.full_chat.participants_count) == ("about", 1)
    await client.delete_messages(channel, [post.id])
    assert await client.get_messages(channel, ids=post.id) is None


async def test_topics_of_a_forum(client: Any) -> None:
    made = await client(functions.channels.CreateChannelRequest("Forum", "", megagroup=True, forum=True))
    forum = made.chats[0]
    topic = await client(functions.messages.CreateForumTopicRequest(forum, "Films", random_id=5))
    number = topic.updates[0].id
    request = functions.messages.SendMessageRequest(
        forum, "in the topic", random_id=6, reply_to=types.InputReplyToMessage(number, top_msg_id=number)
    )
    await client(request)
    newest = (await client.get_messages(forum, limit=1))[0]
    assert (newest.reply_to.forum_topic, newest.reply_to.reply_to_top_id) == (True, number)
    topics = await client(functions.messages.GetForumTopicsRequest(forum, None, 0, 0, 10))
    assert [(item.id, item.title) for item in topics.topics] == [(number, "Films")]


async def test_a_closed_topic_is_for_admins_alone(client: Any, loopback: Loopback, friend: Account) -> None:
    made = await client(functions.channels.CreateChannelRequest("Forum", "", megagroup=True, forum=True))
    forum = made.chats[0]
    number = (await client(functions.messages.CreateForumTopicRequest(forum, "Films", random_id=5))).updates[0].id
    await client(functions.channels.InviteToChannelRequest(forum, ["friend"]))
    async with logged_in(loopback, friend) as theirs:
        here = types.InputReplyToMessage(number, top_msg_id=number)
        await client(functions.messages.EditForumTopicRequest(forum, number, title="Old films", closed=True))
        forum_of_theirs = (await theirs.get_dialogs())[0].input_entity
        send = functions.messages.SendMessageRequest(forum_of_theirs, "in the topic", random_id=6, reply_to=here)
        with pytest.raises(errors.RPCError, match="TOPIC_CLOSED"):
            await theirs(send)
        rights = types.ChatAdminRights(manage_topics=True)
        await client(functions.channels.EditAdminRequest(forum, "friend", rights, rank=""))
        await theirs(send)
    [topic] = (await client(functions.messages.GetForumTopicsByIDRequest(forum, [number]))).topics
    assert (topic.title, topic.closed) == ("Old films", True)
    with pytest.raises(errors.RPCError, match="topic was deleted"):
        await client(
            functions.messages.SendMessageRequest(
                forum, "nowhere", random_id=7, reply_to=types.InputReplyToMessage(999, top_msg_id=999)
            )
        )


async def test_an_admin_of_a_channel_may_do_what_it_was_given(client: Any, loopback: Loopback, friend: Account) -> None:
    channel = (await client(functions.channels.CreateChannelRequest("Channel", "", broadcast=True))).chats[0]
    await client(functions.channels.InviteToChannelRequest(channel, ["friend"]))
    async with logged_in(loopback, friend) as theirs:
        there = (await theirs.get_dialogs())[0].input_entity
        with pytest.raises(errors.ChatWriteForbiddenError):
            await theirs.send_message(there, "mine")
        with pytest.raises(errors.ChatAdminRequiredError):
            await theirs(functions.channels.EditAdminRequest(there, "me", types.ChatAdminRights(), rank=""))
        rights = types.ChatAdminRights(post_messages=True)
        await client(functions.channels.EditAdminRequest(channel, "friend", rights, rank=""))
        await theirs.send_message(there, "mine")
        assert (await theirs.get_entity(there)).admin_rights.post_messages
        found = await theirs(functions.channels.GetParticipantRequest(there, "me"))
        assert isinstance(found.participant, types.ChannelParticipantAdmin)
        await client(functions.channels.EditAdminRequest(channel, "friend", types.ChatAdminRights(), rank=""))
        with pytest.raises(errors.ChatWriteForbiddenError):
            await theirs.send_message(there, "more")


async def test_people_are_found_by_name_and_number(client: Any, friend: Account) -> None:
    assert (await client.get_entity("friend")).id == friend.user_id
    with pytest.raises(ValueError, match="nobody"):
        await client.get_entity("nobody")
    contact = types.InputPhoneContact(1, friend.phone, "F", "")
    imported = await client(functions.contacts.ImportContactsRequest([contact]))
    assert [item.user_id for item in imported.imported] == [friend.user_id]
    contacts = await client(functions.contacts.GetContactsRequest(0))
    assert [user.first_name for user in contacts.users] == ["Friend"]
    with pytest.raises(errors.PeerIdInvalidError):
        await client(functions.messages.SendMessageRequest(types.InputPeerUser(friend.user_id, 1), "x", random_id=3))


async def test_dialogs_are_listed_latest_first_and_in_pages(client: Any, loopback: Loopback, friend: Account) -> None:
    loopback.say("saved")
    loopback.say("from a friend", sender=friend, peer=loopback.owner.user_id)
    loopback.channel("News")
    listed = await client.get_dialogs()
    assert {dialog.name for dialog in listed} == {"Owner", "Friend", "News"}
    assert {dialog.name: dialog.unread_count for dialog in listed}["Friend"] == 1
    pages = functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 2, 0)
    first = await client(pages)
    assert (first.count, len(first.dialogs)) == (3, 2)
    pages.offset_peer = utils.get_input_peer(listed[1].entity)
    assert len((await client(pages)).dialogs) == 1


async def test_the_limits_are_told(client: Any, loopback: Loopback) -> None:
    config = await client(functions.help.GetAppConfigRequest(0))
    values = {item.key: item.value.value for item in config.config.value}
    assert (values["upload_max_fileparts_default"], values["caption_length_limit_default"]) == (4000, 1024)
    told = await client(functions.help.GetConfigRequest())
    assert (told.this_dc, told.dc_options[0].port) == (loopback.dc_id, loopback.port)
    assert (await client(functions.help.GetNearestDcRequest())).nearest_dc == loopback.dc_id


async def test_a_channel_is_managed(client: Any, loopback: Loopback, friend: Account) -> None:
    channel = loopback.channel("News", members=(friend,))
    await client.get_dialogs()
    assert {user.first_name for user in await client.get_participants(channel)} == {"Owner", "Friend"}
    admins = await client.get_participants(channel, filter=types.ChannelParticipantsAdmins())
    assert [user.first_name for user in admins] == ["Owner"]
    rights = await client.get_permissions(channel, "me")
    assert (rights.is_creator, rights.post_messages) == (True, True)
    listed = await client(functions.channels.GetChannelsRequest([await client.get_input_entity(channel)]))
    assert [chat.title for chat in listed.chats] == ["News"]
    await client(functions.channels.EditTitleRequest(channel, "Films"))
    with pytest.raises(errors.ChatNotModifiedError):
        await client(functions.channels.EditTitleRequest(channel, "Films"))
    async with logged_in(loopback, friend) as other:
        assert [dialog.name for dialog in await other.get_dialogs()] == ["Films"]
        with pytest.raises(errors.ChatAdminRequiredError):
            await other(functions.channels.EditTitleRequest(channel, "Mine"))
        assert await other.send_read_acknowledge(channel)
        assert (await other.get_dialogs())[0].unread_count == 0
        await client(functions.channels.DeleteChannelRequest(channel))
        with pytest.raises(errors.ChannelPrivateError):
            await other.get_messages(channel, limit=1)
    with pytest.raises(errors.ChatTitleEmptyError):
        await client(functions.channels.CreateChannelRequest(" ", "", broadcast=True))


async def test_a_whole_chat_is_unpinned_and_emptied(client: Any, loopback: Loopback, friend: Account) -> None:
    for number in range(3):
        await client.pin_message("me", await client.send_message("me", f"text {number}"))
    assert [message.pinned for message in loopback.messages()] == [True] * 3
    await client.unpin_message("me")
    assert [message.pinned for message in loopback.messages()] == [False] * 3
    await client(functions.messages.DeleteHistoryRequest("me", 2))
    assert texts(loopback) == ["text 2"]
    await client.send_message("friend", "private")
    await client(functions.messages.DeleteHistoryRequest("friend", 0, revoke=True))
    assert texts(loopback, loopback.owner.user_id, friend) == []


async def test_forwarding_obeys_what_was_asked(client: Any, loopback: Loopback) -> None:
    shy = await client(functions.messages.SendMessageRequest("me", "kept", random_id=1, noforwards=True))
    with pytest.raises(errors.ChatForwardsRestrictedError):
        await client.forward_messages("me", shy.updates[0].id, "me")
    file = await client.send_file("me", b"data", caption="words", force_document=True)
    bare = await client.forward_messages("me", file.id, "me", drop_author=True, drop_media_captions=True)
    assert (bare.text, bare.fwd_from, bare.media.document.id) == ("", None, file.media.document.id)
    with pytest.raises(errors.RandomIdInvalidError):
        await client(functions.messages.ForwardMessagesRequest("me", [file.id], "me", random_id=[1, 2]))


async def test_a_friend_sees_that_one_is_typing(client: Any, loopback: Loopback, friend: Account) -> None:
    async with logged_in(loopback, friend) as other:
        seen = Heard(other, events.UserUpdate())
        await client.get_entity("friend")
        async with client.action("friend", "typing"):
            assert (await seen.next()).typing


async def test_replies_are_found_by_what_they_answer(client: Any, loopback: Loopback) -> None:
    first = await client.send_message("me", "question")
    answer = await client.send_message("me", "answer", reply_to=first.id)
    assert (await client.get_messages("me", ids=types.InputMessageReplyTo(answer.id))).text == "question"
    assert await client.get_messages("me", ids=types.InputMessageReplyTo(first.id)) is None


async def test_an_account_is_told_and_renamed(client: Any, loopback: Loopback) -> None:
    await client(functions.account.UpdateProfileRequest(first_name="Renamed"))
    assert (await client.get_me()).first_name == "Renamed"
    with pytest.raises(errors.FirstNameInvalidError):
        await client(functions.account.UpdateProfileRequest(first_name=" "))
    full = await client(functions.users.GetFullUserRequest("me"))
    assert full.full_user.id == loopback.owner.user_id
    assert await client(functions.account.UpdateStatusRequest(offline=False))
    found = await client(functions.contacts.ResolvePhoneRequest(loopback.owner.phone))
    assert found.peer.user_id == loopback.owner.user_id
    with pytest.raises(errors.PhoneNotOccupiedError):
        await client(functions.contacts.ResolvePhoneRequest("+9990000000"))
    dialogs = await client(functions.messages.GetPeerDialogsRequest([types.InputDialogPeer(types.InputPeerSelf())]))
    assert (len(dialogs.dialogs), dialogs.state.pts) == (1, loopback.pts(loopback.owner.user_id))
    assert (await client(functions.messages.GetPinnedDialogsRequest(0))).dialogs == []


async def test_a_public_channel_is_read_by_everybody_who_knows_its_name(
    client: Any, loopback: Loopback, friend: Account
) -> None:
    channel = loopback.channel("News")
    await client.get_dialogs()
    peer = await client.get_input_entity(channel)
    name = functions.channels.UpdateUsernameRequest(peer, "loopback_news")
    await client(name)
    with pytest.raises(errors.UsernameNotModifiedError):
        await client(name)
    for wanted, error in (("x", errors.UsernameInvalidError), ("owner", errors.UsernameOccupiedError)):
        with pytest.raises(error):
            await client(functions.channels.UpdateUsernameRequest(peer, wanted))
    await client(functions.messages.ToggleNoForwardsRequest(peer, enabled=True))
    with pytest.raises(errors.ChatNotModifiedError):
        await client(functions.messages.ToggleNoForwardsRequest(peer, enabled=True))
    sent = await client.send_message(peer, "hello")
    async with logged_in(loopback, friend) as other:
        found = await other.get_entity("Loopback_News")
        assert (found.noforwards, found.left) == (True, True)
        assert (await other.get_messages(found, ids=sent.id)).message == "hello"
        with pytest.raises(errors.ChatAdminRequiredError):
            await other(functions.channels.UpdateUsernameRequest(found, "mine_now"))
        await client(functions.channels.UpdateUsernameRequest(peer, ""))
        with pytest.raises(errors.ChannelPrivateError):
            await other.get_messages(found, ids=sent.id)
