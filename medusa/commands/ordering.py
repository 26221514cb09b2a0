"""Turns what a command was given into orders, and queues them."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace

from medusa.captions import checked
from medusa.commands import Answer, Call, Option
from medusa.commands.foretold import DRY_RUN, foretold
from medusa.commands.parsing import moment, priority
from medusa.commands.recipes import resolved
from medusa.errors import UserError
from medusa.model import KIND, Order, Role, Spot
from medusa.names import quoted
from medusa.settings import DOCUMENTS, LIVE_CAP, QUALITY, SILENT
from medusa.sources.ytdlp_command import expression, language, languages, sorting
from medusa.steps import Wish, all_wishes
from medusa.steps.cenc import parse_keys, written
from medusa.vault import a_header, headers_of
from medusa.words import SCHEDULED, clock

ASK = "ask"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)

_CHATS = "me, @name, an id, a t.me link, the title of a channel of yours, or new:NAME"
QUALITY_OPTION = Option(
    ("-q", "--quality"), "quality; the setting “quality” when not given", "best, audio, a height such as 720, or ask"
)
POSTING = (
    Option(("-n", "--name"), "file name of the post", "a name"),
    Option(("-c", "--caption"), "caption of the post", "a text"),
    Option(("--doc",), "post as a plain file"),
    Option(("--media",), "post as video or audio, even when the setting “documents” is on"),
    Option(("--spoiler",), "hide behind a spoiler"),
    Option(("--silent",), "post without a notification"),
    Option(("--to",), "where to post; several may be named, a forum's topic with /TOPIC behind it", _CHATS, many=True),
    Option(("--protect",), "let nobody forward or save the post"),
    Option(("--pin",), "pin the post, without a notification", role=Role.ADMIN),
)
"""How what comes of an order is posted."""
SCHEDULING = (
    Option(("--at",), "start then and not before", "a time such as 18:30, 2026-12-01 07:00, or +2h"),
    Option(("--prio",), "how soon, and how large a share of the bandwidth", "high, normal or low", role=Role.ADMIN),
    Option(("--force",), "past what was posted before"),
    DRY_RUN,
)
"""When an order has its turn."""


def option_of(wish: Wish) -> Option:
    """A step's wish as an option of a command."""
    return Option((f"--{wish.name}",), wish.about, wish.takes, wish.like, wish.many)


async def submit(call: Call, orders: Sequence[Order], at: str) -> Answer:
    """Queue the orders, to start at the time ``at`` that --at gives, and have the command message tell of them.

    With --dry-run it is only said what would become of them.
    """
    if DRY_RUN.name in call.options:
        return foretold(call, orders)
    now, not_before = time.time(), later(at)
    turn = priority(call.options.get("prio", "normal"))
    place = call.message.chat_id, call.message.message_id
    here = Spot(call.message.chat_id, call.message.topic)
    orders = await call.desk.destinations.place(orders, call.options, here, f"{place[0]} {place[1]}")
    if call.person.id and not await call.desk.jobs.of_message(*place):
        await call.desk.access.books.expect_jobs(call.person, len(orders))
    jobs = await call.desk.scheduler.submit(
        orders,
        *place,
        priority=turn,
        not_before=not_before,
        reason=f"{SCHEDULED} {clock(not_before, now)}." if at else "",
    )
    if orders[0].secret:
        return f"Queued: {', '.join(f'#{job.id}' for job in jobs)}. What is secret is forgotten when that has ended."
    call.desk.announce(*place)
    return None


def later(at: str) -> float:
    """The Unix time that --at gives, 0 where it gives none. Raises UserError."""
    return moment(at, time.time()) if at else 0.0


def link_of(word: str) -> str:
    """The link that a word is; ``https://`` may be left out. Raises UserError."""
    scheme = _SCHEME.match(word)
    if KIND.match(word) or (scheme and scheme[1].lower() in ("http", "https", "tg")):
        return word
    if scheme and not word[scheme.end() :].partition("/")[0].isdigit():
        raise UserError(f"{scheme[1]}: links can't be fetched; only http and https can.")
    if "." in word.partition("/")[0]:
        return f"https://{word}"
    raise UserError(f"{quoted(word)} is no link. A link starts with http:// or https://.")


def order_of(link: str, call: Call) -> Order:
    """What is asked for with a link by the options of the command, and by the settings. Raises UserError."""
    given, settings = call.options, call.desk.settings
    person = call.person.id
    if "doc" in given and "media" in given:
        raise UserError("--doc and --media exclude one another.")
    order = Order(
        link,
        quality=_quality(given["quality"]) if "quality" in given else settings.of(person, QUALITY),
        name=given.get("name"),
        caption=checked(given["caption"]) if "caption" in given else None,
        as_document="doc" in given or ("media" not in given and settings.of(person, DOCUMENTS)),
        spoiler="spoiler" in given,
        silent="silent" in given or settings.of(person, SILENT),
        protect="protect" in given,
        pin="pin" in given,
        force="force" in given,
        formats=expression(given["format"]) if "format" in given else "",
        sort=sorting(given["format-sort"]) if "format-sort" in given else "",
        live=settings[LIVE_CAP],
        subtitles=languages(given["subs"]) if "subs" in given else "",
        language=language(given["lang"]) if "lang" in given else "",
        edits={name: wished(name, given[name], call) for name in all_wishes() if name in given},
        keys=written(parse_keys(given["key"].replace("\n", ","))) if "key" in given else "",
        person=person,
        near=near(call),
        headers="\n".join(": ".join(a_header(line)) for line in given.get("header", "").splitlines()),
    )
    headers_of(order)  # nobody is to see them from now on
    return order if "quality" in given else fetching_less(order)


def _quality(text: str) -> str:
    """What -q asks for, as the setting takes it, or ``ask``. Raises UserError."""
    try:
        return ASK if text.lower() == ASK else QUALITY.parse(text)
    except ValueError:
        raise UserError(f"-q takes best, audio, ask, or a height such as 720, not {quoted(text)}.") from None


def near(call: Call) -> int:
    """The chat whose files somebody may name, beside the private one; 0 for the owner, who may name all."""
    chat_id = call.message.chat_id
    return chat_id if call.person.id and chat_id != call.desk.messenger.home else 0


def fetching_less(order: Order) -> Order:
    """The order for no more than what its edits leave of the media."""
    wished = [wish.quality for name, wish in all_wishes().items() if name in order.edits and wish.quality]
    return replace(order, quality=wished[0]) if wished else order


def wished(name: str, text: str, call: Call) -> str:
    """What the owner asks a step for, as the order keeps it. Raises UserError."""
    return all_wishes()[name].read(resolved(text, call.desk.settings) if name == "convert" else text)
