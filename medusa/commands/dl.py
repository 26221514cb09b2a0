"""/dl: fetch links and post them here."""

import re
import time

from medusa.commands import Call, Command, Option
from medusa.commands.parsing import moment, priority
from medusa.errors import UserError
from medusa.model import Order
from medusa.names import quoted
from medusa.settings import DOCUMENTS, QUALITY, SILENT
from medusa.words import SCHEDULED, clock

MOST_LINKS = 100
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?")
_CLOCK = re.compile(r"\d\d?:\d\d")
_QUALITIES = re.compile(r"best|audio|[1-9][0-9]{2,3}p?")


async def _run(call: Call) -> None:
    words, at = _time_apart(call)
    if not words:
        raise UserError(f"Which link? For instance: {call.prefix}dl https://example.com/video.mp4")
    if len(words) > MOST_LINKS:
        raise UserError(f"That is {len(words)} links; send at most {MOST_LINKS} at once.")
    orders = [_order(_link(word), call) for word in words]
    now = time.time()
    not_before = moment(at, now) if at else 0.0
    await call.desk.scheduler.submit(
        orders,
        call.message.chat_id,
        call.message.message_id,
        priority=priority(call.options.get("prio", "normal")),
        not_before=not_before,
        reason=f"{SCHEDULED} {clock(not_before, now)}." if at else "",
    )
    call.desk.announce(call.message.chat_id, call.message.message_id)


def _time_apart(call: Call) -> tuple[list[str], str]:
    """The links, and the time that --at gives; of a date and a time without quotes, the time stands among the links."""
    words, at = list(call.words), call.options.get("at", "")
    if _DATE.fullmatch(at) and (clocks := [word for word in words if _CLOCK.fullmatch(word)]):
        words.remove(clocks[0])
        at += " " + clocks[0]
    return words, at


def _link(word: str) -> str:
    scheme = _SCHEME.match(word)
    if scheme and scheme[1].lower() in ("http", "https"):
        return word
    if scheme and not word[scheme.end() :].partition("/")[0].isdigit():
        raise UserError(f"{scheme[1]}: links can't be fetched; only http and https can.")
    if "." in word.partition("/")[0]:
        return f"https://{word}"
    raise UserError(f"{quoted(word)} is no link. A link starts with http:// or https://.")


def _order(link: str, call: Call) -> Order:
    given, settings = call.options, call.desk.settings
    quality = given.get("quality", settings[QUALITY]).lower()
    if not _QUALITIES.fullmatch(quality):
        raise UserError(f"-q takes best, audio, or a height such as 720, not {quoted(quality)}.")
    if "doc" in given and "media" in given:
        raise UserError("--doc and --media exclude one another.")
    return Order(
        link,
        quality=quality.removesuffix("p"),
        name=given.get("name"),
        caption=given.get("caption"),
        as_document="doc" in given or ("media" not in given and settings[DOCUMENTS]),
        spoiler="spoiler" in given,
        silent="silent" in given or settings[SILENT],
        force="force" in given,
    )


COMMAND = Command(
    name="dl",
    aliases=("download", "get", "leech"),
    family="Download",
    about="fetch links and post them here",
    usage="LINK… [options]",
    run=_run,
    options=(
        Option(
            ("-q", "--quality"), "quality; the setting “quality” when not given", "best, audio, or a height such as 720"
        ),
        Option(("-n", "--name"), "file name of the post", "a name"),
        Option(("-c", "--caption"), "caption of the post", "a text"),
        Option(("--doc",), "post as a plain file"),
        Option(("--media",), "post as video or audio, even when the setting “documents” is on"),
        Option(("--spoiler",), "hide behind a spoiler"),
        Option(("--silent",), "post without a notification"),
        Option(("--at",), "start then and not before", "a time such as 18:30, 2026-12-01 07:00, or +2h"),
        Option(("--prio",), "how soon, and how large a share of the bandwidth", "high, normal or low"),
        Option(("--force",), "fetch and post it even when it was posted before"),
    ),
    examples=(
        "dl https://example.com/video.mp4",
        'dl https://example.com/watch -q 720 -n "My holiday"',
        "dl https://example.com/a.mp4 https://example.com/b.mp4 --silent",
        "dl https://example.com/c.mp4 --prio low --at 02:00",
    ),
)
