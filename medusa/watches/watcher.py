"""Looks at watched lists when it is time, one after the other, and has what is new posted."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from medusa.batches.items import for_item
from medusa.errors import MedusaError, Transient, UserError
from medusa.model import Notice, Order, Tell
from medusa.patience import until_it_works
from medusa.sources.described import Description, Entry
from medusa.storage.batches import Places
from medusa.storage.watches import Outcome, Watch, Watches
from medusa.watches import filters, times
from medusa.watches.filters import Filters
from medusa.watches.fresh import Fresh, Window, fresh
from medusa.words import clock

log = structlog.get_logger()

PART = 50
"""Items of a list that one question asks for."""
MOST = 500
"""Items that one run looks through to find what is known."""
MOST_LOOKS = 20
"""Items that one run looks at by themselves, where their list does not tell what the filters ask; more wait."""
LOOK_AGAIN = 60.0
"""Seconds after which the clock is looked at again, whatever it said before."""
_TOLD_AFTER = 2
"""The failure in a row of which the owner is told; one alone is nothing unusual."""

Look = Callable[[Order, str], Awaitable[Description]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of some new items is ``taken`` and what is not; what is in neither could not be told yet."""

    taken: tuple[Entry, ...]
    passed: tuple[Entry, ...]


class Watcher:
    """Has lists watched; what it finds becomes batches, committed together with the knowledge that it was found.

    ``look`` asks what a link is, ``begin`` has new batches begun, ``tell`` tells the owner. Times are Unix seconds.
    """

    def __init__(
        self, table: Watches, look: Look, begin: Callable[[], None], tell: Tell, now: Callable[[], float] = time.time
    ) -> None:
        self.table = table
        self._look = look
        self._begin = begin
        self._tell = tell
        self._now = now
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._on = True

    def turn(self, on: bool) -> None:
        """Look at lists, or at none for now; what is due then is looked at once they are on again."""
        self._on = on
        self._wake.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._wake.clear()
            watch, wait = await self._next()
            if watch is not None and wait <= 0:
                await self._attend(watch)
                continue
            self._settled.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait, LOOK_AGAIN)):
                    await self._wake.wait()

    async def idle(self) -> None:
        """Wait until no list is due."""
        while (await self._next())[1] <= 0:
            self._settled.clear()
            await self._settled.wait()

    async def now(self, watch: Watch) -> None:
        """Look at a list as soon as those are looked at that are due already; one that was paused goes on.

        Raises UserError when its times can't be read.
        """
        times.restored(watch.times).after(self._now())
        await self.table.put_due(watch.id, self._now())
        self._wake.set()

    async def _next(self) -> tuple[Watch | None, float]:
        """The list that is looked at next, and seconds until then."""
        now = self._now()
        found = [(_sensible(watch, now), watch.id, watch) for watch in await until_it_works(self.table.all)
                 if watch.active]  # fmt: skip
        if not found or not self._on:
            return None, LOOK_AGAIN
        due, _, watch = min(found)
        return watch, due - now

    async def _attend(self, watch: Watch) -> None:
        try:
            times.restored(watch.times).after(self._now())
        except UserError as error:
            await self._rest(watch, error)
            return
        structlog.contextvars.bind_contextvars(watch=watch.id)
        try:
            outcome, after = await self._looked(watch)
        except MedusaError as error:
            if error.fatal:
                raise
            outcome, after = Outcome(), self._failed(watch, error)
        finally:
            structlog.contextvars.unbind_contextvars("watch")
        batch = await until_it_works(lambda: self.table.conclude(after, outcome, self._now()))
        if batch is not None:
            log.info("watch.taken", watch=watch.id, batch=batch.id, items=batch.items)
            self._begin()

    async def _rest(self, watch: Watch, error: UserError) -> None:
        """Pause a watch of which nobody knows when it is due; the others go on."""
        log.warning("watch.unreadable", watch=watch.id)
        await until_it_works(lambda: self.table.put_due(watch.id, watch.due, active=False))
        anew = f"/unwatch {watch.id} and another /watch set it up anew."
        self._tell(Notice.FAILED, f"Watch {watch.id} “{watch.title}” is paused. {error.user_text} {anew}")

    async def _looked(self, watch: Watch) -> tuple[Outcome, Watch]:
        """What has come of a look at a list, and the watch as it is then. Raises MedusaError."""
        found, new, tail = await self._fresh(watch)
        wanted = filters.restored(watch.filters)
        chosen = await self.choose(watch.order, wanted, new.new)
        keys = [entry.key for entry in (*chosen.taken, *chosen.passed, *new.old)]
        orders = items_of(watch.order, found.title, chosen.taken)
        places = Places.TURNS if len(orders) > 1 else Places.NONE
        now = self._now()
        due = times.restored(watch.times).due(now, 0)
        after = replace(
            watch, title=found.title, due=due, tail=tail, items=found.count, looked=now, fails=0,
            reason="",
        )  # fmt: skip
        if watch.fails >= _TOLD_AFTER:
            self._tell(Notice.FAILED, f"Watch {watch.id} “{watch.title}” works again.")
        return Outcome(orders, keys, len(chosen.passed), places), after

    def _failed(self, watch: Watch, error: MedusaError) -> Watch:
        """The watch after a look that failed; the owner is told once."""
        fails, now = watch.fails + 1, self._now()
        due = max(times.restored(watch.times).due(now, fails), now + (error.retry_after or 0.0))
        log.info("watch.failed", watch=watch.id, fails=fails, reason=error.user_text)
        if fails == _TOLD_AFTER:
            again = f"The next look is at {clock(due, now)}, and each later one after twice the time, up to a day."
            self._tell(Notice.FAILED, f"Watch {watch.id} “{watch.title}” fails: {error.user_text} {again}")
        return replace(watch, due=due, fails=fails, reason=error.user_text)

    async def _fresh(self, watch: Watch) -> tuple[Description, Fresh, bool]:
        """What of a list is new, and whether new items stand at its end.

        It is read from where they stood last until something known is met.
        """
        found = await self.listed(watch.order, part_of(PART, tail=watch.tail))
        window = _window(found, tail=watch.tail)
        seen = await self._seen(watch, window)
        while not (window.whole or window.meets(seen) or len(window.entries) >= MOST):
            so_far = len(window.entries) + found.skipped
            part = f"-{so_far + PART}:-{so_far + 1}" if watch.tail else f"{so_far + 1}:{so_far + PART}"
            try:
                further = await self.listed(watch.order, part)
            except UserError:
                break  # the list ends just there
            if not further.entries:
                break
            both = (further.entries, window.entries) if watch.tail else (window.entries, further.entries)
            window = replace(window, entries=both[0] + both[1])
            seen = await self._seen(watch, window)
        new = fresh(window, seen, tail=watch.tail)
        grown = (found.count or 0) - (watch.items or found.count or 0)
        if window.whole or grown <= len(new.new):
            return found, new, new.at_end or watch.tail
        other = await self._other_end(watch, new)
        turned = bool(other.new) and not new.new
        merged = Fresh((*new.new, *other.new), (*new.old, *other.old))
        return found, merged, watch.tail is not turned

    async def _other_end(self, watch: Watch, before: Fresh) -> Fresh:
        """What is new at the other end of a list that has grown by more than was found at the one."""
        tail = not watch.tail
        end = _window(await self.listed(watch.order, part_of(PART, tail=tail)), tail=tail)
        known = await self._seen(watch, end) | {entry.key for entry in before.new}
        return fresh(end, known, tail=tail) if end.meets(known) else Fresh(())

    async def _seen(self, watch: Watch, window: Window) -> set[str]:
        keys = [entry.key for entry in window.entries]
        return await until_it_works(lambda: self.table.seen(watch.id, keys))

    async def listed(self, order: Order, part: str) -> Description:
        """Some items of a list, by their numbers. Raises MedusaError, also for what is no list."""
        found = await self._look(order, part)
        if found.kind != "playlist":
            raise UserError(f"“{found.title}” is no list but one {found.kind}. A channel, playlist or feed is watched.")
        return found

    async def choose(self, order: Order, wanted: Filters, entries: Sequence[Entry], most: int | None = None) -> Chosen:
        """Hold items against filters, in their order, and take at most so many.

        Some that their list tells too little of are looked at by themselves.
        """
        taken, passed, looks = list[Entry](), list[Entry](), 0
        for entry in entries:
            if len(taken) == most:
                break
            told: Entry | None = entry
            if wanted.unsure(entry):
                looks += 1
                told = await self._told(order, entry) if looks <= MOST_LOOKS else None
            if told is not None:
                (taken if wanted.takes(told) else passed).append(told)
        return Chosen(tuple(taken), tuple(passed))

    async def _told(self, order: Order, entry: Entry) -> Entry | None:
        """An item with what is found out about it; None when that is to be tried again."""
        try:
            found = await self._look(replace(order, link=entry.link), "")
        except Transient:
            return None
        except MedusaError as error:
            if error.fatal:
                raise
            log.info("watch.untold", reason=error.user_text)
            return entry  # its job will say what is wrong with it
        duration = entry.duration if entry.duration is not None else found.duration
        return replace(entry, published=entry.published or found.published, duration=duration)


def items_of(order: Order, title: str, entries: Sequence[Entry]) -> list[tuple[int, str, Order]]:
    """What is asked for with the items of a list of this title, as those of a batch.

    Items are called by their own titles, not by numbers, which would begin anew with each run.
    """
    caption = "{title}" if order.caption is None else order.caption
    whole = replace(order, caption=caption, total=len(entries), batch=title)
    return [
        (index, one.title, replace(for_item(whole, one, title), index=index))
        for index, one in enumerate(entries, start=1)
    ]


def part_of(count: int, *, tail: bool) -> str:
    """So many items of a list as `Look` names them, those at its end or at its beginning."""
    return f"-{count}:" if tail else f"1:{count}"


def _window(found: Description, *, tail: bool) -> Window:
    count = len(found.entries) + found.skipped
    return Window(found.entries, count < PART if found.count is None else found.count <= PART, tail)


def _sensible(watch: Watch, now: float) -> float:
    """When a list is to be looked at; one whose times can't be read is seen to at once."""
    try:
        return times.restored(watch.times).sensible(watch.due, now, watch.fails)
    except UserError:
        return now
