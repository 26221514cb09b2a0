"""Who may give which command where, for each role, command and kind of chat, through Telegram."""

import asyncio
from typing import Any

from telethon import utils
from telethon.tl import functions, types

from medusa.brake import Brake
from medusa.commands import Command
from medusa.demo.stage import Stage
from medusa.discover import plugins
from medusa.model import OWNER, Role
from medusa.telegram.phone import Phone
from tests.e2e.test_people import met

COMMANDS = plugins("medusa.commands", "COMMAND", Command)
PEOPLE = {"Vera": Role.VIEWER, "Uwe": Role.USER, "Ada": Role.ADMIN, "Sam": None}
PLURAL = {Role.USER: "users", Role.ADMIN: "admins", Role.OWNER: "the owner"}


async def group(stage: Stage, title: str, people: list[Phone]) -> int:
    """A group of the owner's with these people in it; returns its marked id."""
    made = await stage.owner._client(functions.channels.CreateChannelRequest(title, "", megagroup=True))
    for phone in people:
        entity = await stage.owner._client.get_input_entity(phone.user_id)
        await stage.owner._client(functions.channels.InviteToChannelRequest(made.chats[0], [entity]))
    return int(utils.get_peer_id(made.chats[0]))


def answers(stage: Stage, chat: int) -> dict[int, str]:
    """What the account has replied in a chat, by the message replied to."""
    said = [one for one in stage.telegram.messages(chat) if isinstance(one, types.Message) and one.out]
    return {one.reply_to.reply_to_msg_id: one.message for one in said if one.reply_to}


async def all_answered(stage: Stage, chat: int, sent: dict[int, Any]) -> dict[int, str]:
    """The answers in a chat, once there is one to each of these messages."""
    async with asyncio.timeout(100):
        while True:
            found = answers(stage, chat)
            if all(found.get(number, "…") != "…" for number in sent):
                return found
            await asyncio.sleep(0.5)


def allowed(command: Command, role: Role) -> str:
    """What the answer to a command with --help has in it."""
    return f"/{command.name}" if role >= command.role else f"That is for {PLURAL[command.role]}"


async def expect_answers(stage: Stage, chat: int, person: int, role: Role) -> None:
    """Expect that each command that somebody has given in a chat is answered as that person's role has it."""
    given = {
        one.id: COMMANDS[one.message[1:].removesuffix(" --help")]
        for one in stage.telegram.messages(chat)
        if not one.out and one.message.endswith(" --help") and _sender(one) in (0, person)
    }
    assert len(given) == len(COMMANDS)
    found = await all_answered(stage, chat, given)
    for number, command in given.items():
        assert allowed(command, role) in found[number], (chat, command.name)


async def let_in(stage: Stage) -> dict[str, Phone]:
    """Everybody by name, with their roles; nobody is slowed down."""
    phones = {name: await met(stage, name) for name in PEOPLE}
    stage.app.access.pace = Brake(10_000, 60.0)
    for name, role in PEOPLE.items():
        if role is not None:
            await stage.app.access.allow(phones[name].user_id, name, role, OWNER)
    return phones


async def channel(stage: Stage, people: list[Phone]) -> int:
    """A registered channel of the owner's in which all of these may post, too."""
    made, client = await stage.channel("News"), stage.owner._client
    for phone in people:
        entity = await client.get_input_entity(phone.user_id)
        await client(functions.channels.InviteToChannelRequest(made, [entity]))
        rights = types.ChatAdminRights(post_messages=True)
        await client(functions.channels.EditAdminRequest(made, entity, rights, rank=""))
        await phone.chats()
    return made


async def obeyed(stage: Stage, chats: list[int]) -> None:
    """Have the owner give every command in each of these chats, and expect that it is answered in its place."""
    sent = {
        (chat, await stage.owner.send(chat, f"/{name} --help")): command.name
        for chat in chats
        for name, command in COMMANDS.items()
    }
    async with asyncio.timeout(100):
        while True:
            now = {(chat, one.id): one.message for chat in chats for one in stage.telegram.messages(chat)}
            if all(not now[place].endswith(" --help") for place in sent):
                break
            await asyncio.sleep(0.5)
    for place, name in sent.items():
        assert now[place].lstrip("\u2060").startswith(f"/{name}"), (place, name)


async def test_each_command_is_for_its_roles_in_each_kind_of_chat(stage: Stage) -> None:
    phones = await let_in(stage)
    known = await group(stage, "Ours", list(phones.values()))
    unknown = await group(stage, "Theirs", list(phones.values()))
    news = await channel(stage, list(phones.values()))
    await stage.app.destinations.registry.add(known, "Ours", "group")
    for name, role in PEOPLE.items():
        for chat in (stage.owner.user_id, known, unknown, news):
            await asyncio.gather(*(phones[name].send(chat, f"/{command} --help") for command in COMMANDS))
        if role is not None:
            await expect_answers(stage, phones[name].user_id, phones[name].user_id, role)
            await expect_answers(stage, known, phones[name].user_id, role)
    await phones["Sam"].send(stage.owner.user_id, "/dl https://example.com/a.mp4")
    await stage.owner.send(unknown, "/version")
    await stage.owner.send(phones["Uwe"].user_id, "/version")
    await obeyed(stage, [stage.owner.user_id, known, news])
    assert not answers(stage, phones["Sam"].user_id)
    assert [one.message for one in stage.telegram.messages(phones["Uwe"].user_id) if one.out][-1] == "/version"
    # Who has posted in a channel is not to be seen there, so that none but the owner is obeyed.
    assert not answers(stage, news)
    assert not answers(stage, unknown)
    assert "/version" in [one.message for one in stage.telegram.messages(unknown)]
    strangers = [one.id for one in stage.telegram.messages(known) if _sender(one) == phones["Sam"].user_id]
    assert strangers
    assert not set(strangers) & answers(stage, known).keys()


def _sender(message: Any) -> int:
    return getattr(getattr(message, "from_id", None), "user_id", 0)
