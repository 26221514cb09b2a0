"""/watch: post what is new in a channel, playlist or feed from now on."""

import re
import time
from collections.abc import Awaitable, Callable
from functools import partial

from markupsafe import Markup

from medusa.commands import Answer, Call, Command, Later, Option
from medusa.commands.gathering import going, one_spot
from medusa.commands.ordering import ASK, POSTING, QUALITY_OPTION, link_of, option_of, order_of
from medusa.commands.parsing import numbers
from medusa.commands.playlists import MOST
from medusa.errors import UserError
from medusa.model import Order, Role
from medusa.names import brief, quoted
from medusa.settings import WATCHING
from medusa.sources.described import Description, Entry
from medusa.steps import all_wishes
from medusa.storage.batches import Places
from medusa.storage.watches import Outcome, Watch
from medusa.watches import filters, times, watcher, words
from medusa.watches.filters import Filters
from medusa.watches.fresh import ascends, in_order
from medusa.words import clock

MOST_WATCHES = 200
_SHOWN = 5
_RUNS, _ITEMS = 5, 15
"""Runs and items that are shown of one watch."""
_NONE, _ALL = "none", "all"
_POSTING = tuple(option for option in POSTING if "--name" not in option.flags)


async def _run(call: Call) -> Answer:
    words_given = [word for word in call.words if word.lower() not in _ACTS]
    acts = [word.lower() for word in call.words if word.lower() in _ACTS]
    if acts or (words_given and all(re.fullmatch(r"[#\d,–-]+", word) for word in words_given)):
        if len(numbers(words_given)) != 1:
            raise UserError(f"Which one? {call.prefix}watches lists them.")
        watch = await named(call, numbers(words_given)[0])
        return await (_ACTS[acts[0]] if acts else _shown)(call, watch)
    _expect_on(call)
    if len(words_given) != 1:
        raise UserError(f"Which list? For instance: {call.prefix}watch https://example.com/channel --every 6h")
    given = call.options
    order = order_of(link_of(words_given[0]), call)
    if order.quality == ASK:
        raise UserError("-q ask is for one link; name the quality here.")
    when = times.read(given.get("every", ""), given.get("cron", ""))
    wanted = filters.read(*(given.get(name, "") for name in ("newer", "match", "without", "min", "max")))
    return Later(partial(_begin, call, order, when, wanted, _first(given.get("first", _NONE))))


def _expect_on(call: Call) -> None:
    if not call.desk.settings[WATCHING]:
        raise UserError(f"Watching is off, so that no list is looked at. {call.prefix}set watching on turns it on.")


async def named(call: Call, number: int) -> Watch:
    """The watch with this number. Raises UserError."""
    watch = await call.desk.watcher.table.get(number)
    if watch is None:
        raise UserError(f"There is no watch {number}. {call.prefix}watches lists them.")
    return watch


async def _begin(call: Call, order: Order, when: times.Times, wanted: Filters, first: int | None) -> Answer:
    """Look at the list for the first time, and watch it from then on."""
    desk, place = call.desk.watcher, (call.message.chat_id, call.message.message_id)
    before = await desk.table.of_message(*place)
    if before is not None:
        return await _shown(call, before)  # a predecessor that was killed has made it
    spot = await one_spot(call, "A watch posts to one chat; set up another one for the other.")
    order = going(call, order, spot, given=call.options.keys())
    await _expect_new(call, order)
    end, deep = "end" in call.options, MOST if first is None else watcher.MOST
    found = await desk.listed(order, watcher.part_of(deep, tail=end))
    _expect_items(found)
    tail = end or ascends(found.entries)
    entries = in_order(found.entries, tail=tail)
    taken, keys = await _taken(call, order, wanted, entries, first)
    if (found.count or 0) > deep:  # new ones may stand there, too, and are told from these
        other = await desk.listed(order, watcher.part_of(watcher.PART, tail=not end))
        keys += [entry.key for entry in other.entries]
    orders, now = watcher.items_of(order, found.title, taken), time.time()
    watch = Watch(
        0, *place, found.title, order, when.stored, wanted.stored, active=True, due=when.due(now, 0), tail=tail,
        items=found.count, looked=now, fails=0, reason="", created=now,
    )  # fmt: skip
    kept, batch = await desk.table.add(watch, Outcome(orders, keys, places=Places.UNTRIED))
    if batch is not None:
        call.desk.conductor.look_again()
    lines = [words.head(kept), Markup("{}").format(_facts(found, kept, when, wanted))]
    begun = f"{batch.items} of these are posted now, as batch {batch.id}." if batch else "Of these, none is posted."
    return Markup("\n").join([*lines, *_preview(wanted, entries), Markup("{}").format(begun)])


async def _taken(
    call: Call, order: Order, wanted: Filters, entries: tuple[Entry, ...], first: int | None
) -> tuple[tuple[Entry, ...], list[str]]:
    """What the first run takes, the oldest first, and the keys of what is known from then on."""
    desk = call.desk.watcher
    if first is None:
        chosen = await desk.choose(order, wanted, entries)
        return chosen.taken, [entry.key for entry in (*chosen.taken, *chosen.passed)]
    chosen = await desk.choose(order, wanted, entries[::-1], first)
    return chosen.taken[::-1], [entry.key for entry in entries]


async def _expect_new(call: Call, order: Order) -> None:
    table = call.desk.watcher.table
    same = await table.like(order.link, order.to)
    if same is not None:
        raise UserError(f"Watch {same.id} posts from there to here already. {call.prefix}unwatch {same.id} ends it.")
    if len(await table.all()) >= MOST_WATCHES:
        raise UserError(f"{MOST_WATCHES} lists are watched already, and that is the most.")


def _expect_items(found: Description) -> None:
    if not found.entries:
        raise UserError(f"“{found.title}” has nothing there that can be fetched.")
    if all(entry.many for entry in found.entries):
        lists = "\n".join(entry.link for entry in found.entries[:_SHOWN])
        raise UserError(f"“{found.title}” is made of several lists; watch one of them:\n{lists}")


def _facts(found: Description, watch: Watch, when: times.Times, wanted: Filters) -> str:
    count = f"{found.count or len(found.entries)} items" if found.count or len(found.entries) < watcher.MOST else "many"
    parts = [count, str(when), f"next at {clock(watch.due, watch.created)}"]
    return " · ".join([*parts, *([f"only {wanted}"] if str(wanted) else [])])


def _preview(wanted: Filters, entries: tuple[Entry, ...]) -> list[Markup]:
    """The newest items that would be taken, as far as the list tells."""
    fitting = [entry for entry in entries if wanted.takes(entry)][::-1]
    unsure = sum(map(wanted.unsure, fitting))
    about = f", {unsure} of them as far as the list tells" if unsure else ""
    lines = [Markup("{} of {} fit{}, the newest:").format(len(fitting), len(entries), about)] if fitting else []
    return [*lines, *(Markup("· {}").format(brief(entry.title)) for entry in fitting[:_SHOWN])]


async def _shown(call: Call, watch: Watch) -> Answer:
    table = call.desk.watcher.table
    return words.card(watch, await table.runs(watch.id, _RUNS), await table.taken(watch.id, _ITEMS), time.time())


async def _pause(call: Call, watch: Watch) -> Answer:
    await call.desk.watcher.table.put_due(watch.id, watch.due, active=False)
    return words.head(watch) + f" is paused. {call.prefix}watch resume {watch.id} goes on."


async def _now(call: Call, watch: Watch) -> Answer:
    _expect_on(call)
    await call.desk.watcher.now(watch)
    return words.head(watch) + " is looked at now."


def _first(text: str) -> int | None:
    """How many items the first run takes; None for all."""
    if text.lower() == _ALL:
        return None
    if text.lower() != _NONE and not re.fullmatch(r"[1-9]\d{0,3}", text, re.ASCII):
        raise UserError(f"--first takes none, all, or a number up to 9999, not {quoted(text)}.")
    return 0 if text.lower() == _NONE else int(text)


_ACTS: dict[str, Callable[[Call, Watch], Awaitable[Answer]]] = {"pause": _pause, "resume": _now, "now": _now}

COMMAND = Command(
    name="watch",
    role=Role.ADMIN,
    audited=True,
    family="Watch",
    about="post what is new in a channel, playlist or feed, from now on",
    usage="LINK [options] | N | pause, resume or now N",
    run=_run,
    options=(
        Option(("--every",), "how often to look; 6h when not given", "a span of time from 10m to 30d"),
        Option(("--cron",), "when to look, by this machine's clock", 'five fields such as "0 6 * * *"'),
        Option(("--first",), "what to take at once of what is there", "none, all, or how many of the newest"),
        Option(("--newer",), "only what was published then or later", "a date such as 2026-01-31"),
        Option(("--match",), "only titles with one of these", "words with commas between"),
        Option(("--without",), "only titles with none of these", "words with commas between"),
        Option(("--min",), "only what lasts at least so long", "a duration such as 2m"),
        Option(("--max",), "only what lasts at most so long", "a duration such as 1h30m"),
        Option(("--end",), "new items stand at the list's end"),
        QUALITY_OPTION,
        *_POSTING,
        *map(option_of, all_wishes().values()),
    ),
    examples=(
        "watch https://example.com/channel",
        "watch https://example.com/feed.xml --every 2h --first 3 --silent",
        'watch https://example.com/channel --cron "0 6 * * *" --match talk,lecture --min 5m -q 720',
        "watch 3",
        "watch pause 3",
    ),
)
