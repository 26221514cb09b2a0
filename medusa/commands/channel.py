"""/channel: register channels, say what holds for posts there, and where posts go when nothing else says so."""

import re
from collections.abc import Awaitable, Callable, Mapping

from medusa.channels.registry import fields
from medusa.channels.spelling import named
from medusa.commands import Call, Command
from medusa.errors import UserError
from medusa.model import Role, Spot
from medusa.names import quoted
from medusa.settings import CHATS, DESTINATION
from medusa.storage.channels import Channel

_FIELD = re.compile(r"([A-Za-z][\w-]*)=(.*)", re.DOTALL)


async def _run(call: Call) -> str:
    what, *words = call.words or ("",)
    act = _ACTS.get(what.lower())
    if act is None:
        raise UserError(f"Say what to do: {call.prefix}channel add, remove, default or set, and the chat behind it.")
    if not words:
        raise UserError(f"Which chat? For instance: {call.prefix}channel {what.lower()} Films")
    return await act(call, words)


async def _add(call: Call, words: list[str]) -> str:
    chat = await call.desk.destinations.find(" ".join(words), _here(call))
    if chat.kind in ("saved", "person"):
        raise UserError("Only channels and groups can be registered; --to finds other chats without that.")
    if not chat.may_post:
        raise UserError(f"This account may not post in {quoted(chat.title)}; once it may, add it again.")
    channel = await call.desk.destinations.registry.add(chat.id, chat.title, chat.kind)
    return (
        f"{quoted(channel.title)} is registered: commands are obeyed there, and --to {_spelled(channel)} posts there."
    )


async def _remove(call: Call, words: list[str]) -> str:
    channel = await _registered(call, " ".join(words))
    spot = call.desk.settings[DESTINATION]
    if spot and Spot.read(spot).chat_id == channel.chat_id:
        await call.desk.settings.unset(DESTINATION.key)
    await call.desk.destinations.registry.forget(channel.chat_id)
    still = channel.chat_id in call.desk.settings[CHATS]
    obeyed = "still obeyed there, since the setting “chats” names it" if still else "no longer obeyed there"
    return f"{quoted(channel.title)} is no longer registered; it stays as it is. Commands are {obeyed}."


async def _default(call: Call, words: list[str]) -> str:
    text, key = " ".join(words), f"{call.message.chat_id} {call.message.message_id}"
    if text.lower() in ("here", "off"):
        await call.desk.settings.unset(DESTINATION.key)
        return "What is asked for in Saved Messages is posted there, unless --to or a rule says otherwise."
    spot = await call.desk.destinations.spot(text, _here(call), key)
    await call.desk.settings.set(DESTINATION.key, str(spot))
    shown = call.desk.destinations.shown(spot)
    return f"What is asked for in Saved Messages goes to {shown}, unless --to or a rule says otherwise."


async def _set(call: Call, words: list[str]) -> str:
    first = next((at for at, word in enumerate(words) if _FIELD.fullmatch(word)), len(words))
    if first == len(words) or first == 0:
        raise UserError(
            f"Say the chat and what holds there, of {', '.join(f'{one}=' for one in fields())}: for instance "
            f'{call.prefix}channel set Films silent=on caption="{{title}}"'
        )
    channel = await _registered(call, " ".join(words[:first]))
    channel = await call.desk.destinations.registry.set_defaults(channel, _values(words[first:]))
    holds = ", ".join(f"{name}={value}" for name, value in call.desk.destinations.registry.holding(channel).items())
    return f"{quoted(channel.title)}: {holds or 'nothing is set'}."


def _values(words: list[str]) -> Mapping[str, str]:
    """Values by name; words without a name belong to the value before."""
    found: dict[str, str] = {}
    name = ""
    for word in words:
        if pair := _FIELD.fullmatch(word):
            name = pair[1].lower()
            found[name] = pair[2]
        else:
            found[name] += f" {word}"
    return found


async def _registered(call: Call, text: str) -> Channel:
    """The registered channel that a text names, also when Telegram no longer knows it. Raises UserError."""
    registry = call.desk.destinations.registry
    one = named(text, registry.titles)
    if one.how == "id":
        channel = registry.channels.get(int(one.chat))
    elif one.how == "title":
        channel = registry.titled(one.chat)
        if channel is None:
            raise registry.unknown(one.chat)
    else:
        channel = registry.channels.get((await call.desk.destinations.find(text, _here(call))).id)
    if channel is None:
        raise UserError(f"{quoted(text)} is not registered. See {call.prefix}channels.")
    return channel


def _here(call: Call) -> Spot:
    return Spot(call.message.chat_id, call.message.topic)


def _spelled(channel: Channel) -> str:
    return f'"{channel.title}"' if re.search(r"[^\w]", channel.title) else channel.title


_ACTS: dict[str, Callable[[Call, list[str]], Awaitable[str]]] = {
    "add": _add,
    "remove": _remove,
    "default": _default,
    "set": _set,
}

COMMAND = Command(
    name="channel",
    role=Role.ADMIN,
    audited=True,
    family="Channels",
    about="register a channel or forget it, say what holds there, or make it the default",
    usage="add CHAT | remove CHAT | default CHAT|here|off | set CHAT caption=… quality=… silent=on …",
    run=_run,
    examples=(
        "channel add @films",
        "channel add -1001234567890",
        "channel default Films",
        'channel set Films quality=720 silent=on caption="From my collection"',
        "channel remove Films",
    ),
)
