"""/dl: fetch links and post them here."""

import re

from medusa.commands import Call, Command, Option
from medusa.errors import UserError
from medusa.model import Order
from medusa.settings import DOCUMENTS, QUALITY, SILENT

MOST_LINKS = 100
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_QUALITIES = re.compile(r"best|audio|[1-9][0-9]{2,3}p?")


async def _run(call: Call) -> None:
    if not call.words:
        raise UserError(f"Which link? For instance: {call.prefix}dl https://example.com/video.mp4")
    if len(call.words) > MOST_LINKS:
        raise UserError(f"That is {len(call.words)} links; send at most {MOST_LINKS} at once.")
    orders = [_order(_link(word), call) for word in call.words]
    await call.desk.scheduler.submit(orders, call.message.chat_id, call.message.message_id)
    call.desk.announce(call.message.chat_id, call.message.message_id)


def _link(word: str) -> str:
    scheme = _SCHEME.match(word)
    if scheme and scheme[1].lower() in ("http", "https"):
        return word
    if scheme and not word[scheme.end() :].partition("/")[0].isdigit():
        raise UserError(f"{scheme[1]}: links can't be fetched; only http and https can.")
    if "." in word.partition("/")[0]:
        return f"https://{word}"
    raise UserError(f"“{word}” is no link. A link starts with http:// or https://.")


def _order(link: str, call: Call) -> Order:
    given, settings = call.options, call.desk.settings
    quality = given.get("quality", settings[QUALITY]).lower()
    if not _QUALITIES.fullmatch(quality):
        raise UserError(f"-q takes best, audio, or a height such as 720, not “{quality}”.")
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
    ),
    examples=(
        "dl https://example.com/video.mp4",
        'dl https://example.com/watch -q 720 -n "My holiday"',
        "dl https://example.com/a.mp4 https://example.com/b.mp4 --silent",
    ),
)
