"""/dl: fetch links and post them here."""

import re
from dataclasses import replace
from functools import partial

from medusa.commands import Answer, Call, Choice, Command, Later, Menu, Option, playlists
from medusa.commands.foretold import DRY_RUN
from medusa.commands.menus import MOST
from medusa.commands.ordering import (
    ASK,
    POSTING,
    QUALITY_OPTION,
    SCHEDULING,
    later,
    link_of,
    option_of,
    order_of,
    submit,
)
from medusa.commands.playlists import RANGE
from medusa.errors import UserError
from medusa.model import Order, Role
from medusa.sources.telegram import link_to
from medusa.steps import all_wishes
from medusa.storage.batches import BatchState

MOST_LINKS = 100
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?")
_CLOCK = re.compile(r"\d\d?:\d\d")


async def _run(call: Call) -> Answer:
    words, at = _time_apart(call)
    if not words and call.message.reply_to is not None:
        words = [link_to(call.message.chat_id, call.message.reply_to)]
    if not words:
        raise UserError(f"Which link? For instance: {call.prefix}dl https://example.com/video.mp4")
    if len(words) > MOST_LINKS:
        raise UserError(f"That is {len(words)} links; send at most {MOST_LINKS} at once.")
    orders = [order_of(link_of(word), call) for word in words]
    if "cookies" in call.options:
        jar = await call.desk.vault.jar(call.options["cookies"])
        orders = [replace(order, cookies=jar) for order in orders]
    asks, playlist = orders[0].quality == ASK, call.options.get("playlist")
    if (asks or playlist) and len(orders) > 1:
        raise UserError(f"{'-q ask' if asks else '--playlist'} takes one link at a time.")
    if DRY_RUN.name in call.options:
        return await submit(call, [replace(one, quality="best") if asks else one for one in orders], at)
    if playlist:
        return await _playlist(call, orders[0], "" if playlist == "on" else playlist, at)
    if asks:
        return Later(partial(_ask, call, orders[0], at))
    return await submit(call, orders, at)


async def _playlist(call: Call, order: Order, numbers: str, at: str) -> Answer:
    if order.quality == ASK or order.name:
        raise UserError("--playlist fetches many at once, so it goes with neither -q ask nor -n.")
    later(at)  # before the list is looked at
    wanted = playlists.items(numbers)

    async def work() -> Answer:
        batch = await call.desk.conductor.batches.of_message(call.message.chat_id, call.message.message_id)
        if batch is not None and batch.state is not BatchState.PLANNED:
            return None  # by a predecessor that was killed
        found = await call.desk.look(order, wanted)
        if found.kind != "playlist":
            return await submit(call, [order], at)
        return await playlists.fetched(call, order, found, numbers, at)

    return Later(work)


async def _ask(call: Call, order: Order, at: str) -> Answer:
    """A menu of the versions that there are; the one chosen is the command again with that quality."""
    found = await call.desk.look(replace(order, quality="best"), "")
    if not found.versions:
        return await submit(call, [replace(order, quality="best")], at)
    choices = tuple(Choice(str(one), one.quality) for one in found.versions[:MOST])
    # Braces would be taken for the place where the choice stands.
    link = order.link.replace("{", "%7B").replace("}", "%7D")
    return Menu(f"“{found.title}”: which version? Reply with its number.", choices, _again(call, link, at), many=False)


def _again(call: Call, link: str, at: str) -> str:
    flags = {option.name: option for option in COMMAND.options}
    values = {**call.options, **({"at": at} if at else {})}
    given = [
        f"--{name}" + (f"={_quoted(value)}" if flags[name].takes else "")
        for name, value in values.items()
        if name != "quality"
    ]
    return " ".join([call.command, "-q {}", link, *given])


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'


def _time_apart(call: Call) -> tuple[list[str], str]:
    """The links, and the time that --at gives; of a date and a time without quotes, the time stands among the links."""
    words, at = list(call.words), call.options.get("at", "")
    if _DATE.fullmatch(at) and (clocks := [word for word in words if _CLOCK.fullmatch(word)]):
        words.remove(clocks[0])
        at += " " + clocks[0]
    return words, at


COMMAND = Command(
    name="dl",
    aliases=("download", "get", "leech"),
    family="Download",
    about="fetch links and post them here",
    usage="LINK… | in reply to a file [options]",
    run=_run,
    options=(
        QUALITY_OPTION,
        Option(("-f", "--format"), "which formats to take, before -q and the upload limit", "yt-dlp's expression"),
        Option(("-S", "--format-sort"), "which formats are the best", "yt-dlp's fields, such as res:720,vcodec:h264"),
        Option(("--playlist",), "all items of a playlist as a batch, or some", "numbers such as 1-20 or 5,7-9", RANGE),
        Option(("--subs",), "put subtitles into the video", "languages such as en,de, or all"),
        Option(("--lang",), "language of the sound, where a stream has several", "a language such as en or pt-BR"),
        Option(
            ("--key",),
            "your key for an encrypted video; may be repeated, and the message is deleted at once",
            "KID:KEY, or KEY alone",
            many=True,
            secret=True,
        ),
        Option(("--cookies",), "use the cookies that are kept for this site, too", "a site", role=Role.OWNER),
        Option(
            ("--header",), "send it to the link's host, for this job alone", '"Name: value"', many=True, secret=True
        ),
        *map(option_of, all_wishes().values()),
        *POSTING,
        *SCHEDULING,
    ),
    examples=(
        "dl https://example.com/video.mp4",
        'dl https://example.com/watch -q 720 -n "My holiday"',
        "dl https://example.com/a.mp4 https://example.com/b.mp4 --silent",
        "dl https://example.com/c.mp4 --prio low --at 02:00",
        "dl https://example.com/list --playlist 1-20",
        "dl https://example.com/watch -q ask --subs en",
    ),
)
