"""/channels: the registered channels, what this account may do in them, and what holds there."""

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later
from medusa.errors import Scope, Transient, UserError
from medusa.model import Role
from medusa.settings import DESTINATION
from medusa.storage.channels import Channel
from medusa.telegram.chats import Chat


async def _run(call: Call) -> Answer:
    if not call.desk.destinations.registry.channels:
        return (
            f"No channel is registered. {call.prefix}channel add CHAT registers one, and so does --to new:NAME. "
            "In registered channels commands are obeyed, and their titles name them."
        )

    async def work() -> Answer:
        lines = [await _line(call, channel) for channel in list(call.desk.destinations.registry.channels.values())]
        return Markup("\n").join([*lines, Markup("{}").format(_default(call))])

    return Later(work)


async def _line(call: Call, channel: Channel) -> Markup:
    """What there is to say of a channel, whose title may be another one by now."""
    registry = call.desk.destinations.registry
    try:
        chat = await call.desk.destinations.chats.get(channel.chat_id)
        if chat.may_post and (chat.title, chat.kind) != (channel.title, channel.kind):
            channel = await registry.add(chat.id, chat.title, chat.kind)
        rights = _rights(chat)
    except (UserError, Transient) as error:
        if error.fatal or (isinstance(error, Transient) and error.scope is not Scope.CHAT):
            raise
        rights = "out of reach: private, gone, or closed to this account"
    holds = [f"{name}={value}" for name, value in registry.holding(channel).items()]
    about = " · ".join([channel.kind, rights, *holds])
    return Markup("<b>{}</b> <code>{}</code> · {}").format(channel.title, channel.chat_id, about)


def _rights(chat: Chat) -> str:
    if not chat.may_post:
        return "may not post"
    may = "may post and pin" if chat.may_pin else "may post, not pin"
    return f"{may}, forwards restricted" if chat.protected else may


def _default(call: Call) -> str:
    spot = call.desk.destinations.default
    if not call.desk.settings[DESTINATION]:
        return "Posts go to where their command stands, unless --to or a rule says otherwise."
    shown = call.desk.destinations.shown(spot)
    return f"What is asked for in Saved Messages goes to {shown}, unless --to or a rule says otherwise."


COMMAND = Command(
    name="channels",
    role=Role.ADMIN,
    family="Channels",
    about="your registered channels, their rights and defaults",
    run=_run,
    examples=("channels",),
)
