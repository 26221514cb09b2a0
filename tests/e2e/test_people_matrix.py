"""Who may give which command where, for each role, command and kind of chat, through Telegram."""

import asyncio
from typing import Any

from telethon import utils
from telethon.tl import functions, types

from medusa.commands import Command
from medusa.demo.stage import Stage
from medusa.discover import plugins
from medusa.model import Role
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
            await asyncio.sleep(0.1)


def allowed(command: Command, role: Role) -> str:
    """What the answer to a command with --help has in it."""
    return f"/{command.name}" if role >= command.role else f"That is for {PLURAL[command.role]}"


async def number_in(stage: Stage, chat: int, text: str) -> int:
    """The owner's number of the newest message with this text in a chat."""
    return int(next(one.id for one in reversed(stage.telegram.messages(chat)) if one.message == text))


async def test_each_command_is_for_its_roles_in_each_kind_of_chat(stage: Stage) -> None:
    phones = {name: await met(stage, name) for name in PEOPLE}
    access = stage.app.access
    access.most_commands = 10_000
    owner = access.person(0)
    assert owner
    for name, role in PEOPLE.items():
        if role is not None:
            await access.allow(phones[name].user_id, name, role, owner)
    known = await group(stage, "Ours", list(phones.values()))
    unknown = await group(stage, "Theirs", list(phones.values()))
    await stage.app.destinations.registry.add(known, "Ours", "group")
    for name, role in PEOPLE.items():
        private: dict[int, str] = {}
        grouped: dict[int, str] = {}
        for command in COMMANDS.values():
            text = f"/{command.name} --help"
            for chat in (stage.owner.user_id, known, unknown):
                sent = await phones[name].send(chat, text)
                if role is not None and chat == known:
                    grouped[sent] = allowed(command, role)
            if role is not None:
                private[await number_in(stage, phones[name].user_id, text)] = allowed(command, role)
        for chat, sent_there in ((phones[name].user_id, private), (known, grouped)):
            found = await all_answered(stage, chat, sent_there)
            for number, expected in sent_there.items():
                assert expected in found[number], (name, chat, expected)
    await phones["Sam"].send(stage.owner.user_id, "/dl https://example.com/a.mp4")
    assert not answers(stage, phones["Sam"].user_id)
    assert not answers(stage, unknown)
    strangers = [one.id for one in stage.telegram.messages(known) if _sender(one) == phones["Sam"].user_id]
    assert strangers and not set(strangers) & answers(stage, known).keys()


def _sender(message: Any) -> int:
    return getattr(getattr(message, "from_id", None), "user_id", 0)
