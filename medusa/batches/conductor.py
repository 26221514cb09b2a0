"""Keeps places in a chat for the items of batches, a few ahead, and has jobs fill them in whatever order they end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog

from medusa.batches import words
from medusa.batches.index import Index
from medusa.batches.places import Keeper
from medusa.batches.turns import Turns
from medusa.config import Slots
from medusa.errors import MedusaError, UserError
from medusa.library import source_key
from medusa.model import Job, JobState
from medusa.patience import until_it_works
from medusa.scheduler import Scheduler
from medusa.storage.batches import Batch, Batches, BatchItem, BatchState, ItemState, Outcome, Places, state_after
from medusa.storage.jobs import Jobs
from medusa.telegram.messages import Messenger, new_random_id

log = structlog.get_logger()

PAUSE = 5.0
"""Seconds between two edits of a batch's message."""
LOOK_AGAIN = 30.0
_UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)
_MOST_KEPT = 400
"""Places kept ahead at most, those of jobs that wait for something included."""
_MOST_ASIDE = 40
"""Jobs of one batch that may wait for others, or for their turn, at most."""
_LATEST = 20
"""The newest batches, whose indexes are looked at when Medusa starts."""


class Conductor:
    """Has batches done: each item's place is kept in order, then a job of the scheduler's fills it.

    Everything that it does is committed before the next thing, and repeated without harm after a kill.
    """

    def __init__(
        self, batches: Batches, jobs: Jobs, scheduler: Scheduler, messenger: Messenger, keeper: Keeper, turns: Turns,
        index: Index, slots: Slots,
    ) -> None:  # fmt: skip
        self.batches = batches
        self._jobs = jobs
        self._scheduler = scheduler
        self._messenger = messenger
        self._keeper = keeper
        self._turns = turns
        self._index = index
        self._window = 2 * (slots.fetch + slots.process + slots.upload)
        """Jobs of one batch that are at work at once: enough to keep all slots busy."""
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._not_before: dict[int, float] = {}
        """When a batch may go on that its chat has put off (monotonic seconds)."""
        self._shown: dict[int, tuple[float, str]] = {}
        """When a batch's message was written last (monotonic seconds), and what it reads."""
        self._met: dict[int, set[bytes]] = {}
        """The keys of the orders of a batch of which one has ended."""
        self._held: dict[int, int] = {}
        """How many items of a batch stood back when it was looked at last."""
        self._swapped: list[tuple[int, int]] = []
        """Chat and message of posts that have another content now, and may stand in an index."""
        self._turn = asyncio.Lock()
        """Held while a batch is worked on, so that commands and the conductor do not meet."""

    def changed(self, job: Job) -> None:
        """Hear of a committed change of a job."""
        if job.order.index and (job.state.ended or job.state is JobState.WAITING):
            self._wake.set()
        elif job.order.slot and job.state is JobState.DONE and not job.order.index:
            self._swapped.append((job.spots[0].chat_id, job.order.slot))
            self._wake.set()

    def look_again(self) -> None:
        """Begin at once with batches that others have made."""
        self._wake.set()

    async def run(self) -> None:
        """Conduct all batches until cancelled."""
        for batch in await until_it_works(lambda: self.batches.recent(_LATEST)):
            if batch.state is BatchState.DONE:
                await self._indexed(batch)
        while True:
            self._wake.clear()
            pause = LOOK_AGAIN
            while self._swapped:
                await self._follow(*self._swapped.pop())
            for batch in await until_it_works(self.batches.open):
                pause = min(pause, await self._advanced(batch))
            self._settled.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def idle(self) -> None:
        """Wait until no batch is running any more."""
        while any(batch.state is BatchState.RUNNING for batch in await self.batches.open()):
            self._settled.clear()
            await self._settled.wait()

    async def start(self, batch: Batch, *, loosely: bool = False) -> Batch:
        """Begin with a planned batch, in its order unless ``loosely``, or go on with a paused one. Raises UserError.

        One that waits tries at once.
        """
        async with self._turn:
            batch = await self.batches.get(batch.id) or batch
            if batch.state in (BatchState.DONE, BatchState.CANCELLED):
                raise UserError(f"Batch {batch.id} is {batch.state}.")
            if loosely and batch.state is BatchState.PLANNED:
                batch = replace(batch, places=Places.NONE)
            batch = replace(batch, state=BatchState.RUNNING, reason="", started=batch.started or time.time())
            await self.batches.put(batch)
            await self._together(JobState.QUEUED, batch)
        self._stir(batch)
        return batch

    async def pause(self, batch: Batch) -> Batch:
        """Keep what is done, and do no more for now. Raises UserError."""
        async with self._turn:
            batch = await self.batches.get(batch.id) or batch
            if batch.state not in (BatchState.RUNNING, BatchState.PAUSED):
                raise UserError(f"Batch {batch.id} is {batch.state}.")
            batch = replace(batch, state=BatchState.PAUSED)
            await self.batches.put(batch)
            await self._together(JobState.PAUSED, batch)
        self._stir(batch)
        return batch

    async def cancel(self, batch: Batch) -> Batch:
        """End a batch: what is posted stays, places that are not filled go. Raises UserError."""
        async with self._turn:
            batch = await self.batches.get(batch.id) or batch
            if batch.state is BatchState.DONE:
                raise UserError(f"Batch {batch.id} is done.")
            await self._together(JobState.CANCELLED, batch)
            for one in await self.batches.outcomes(batch, ItemState.WAITING, ItemState.OPEN):
                done = one.state is JobState.DONE
                if not done:
                    await self._keeper.remove(batch, one.item)
                await self.batches.settle(one.item, ItemState.DONE if done else ItemState.CANCELLED)
            batch = replace(batch, state=BatchState.CANCELLED, reason="", ended=time.time())
            await self.batches.put(batch)
            await self._turns.moved()
            await self._written(batch, words.summary(batch, await self.batches.counts(batch.id)))
        self._forget(batch)
        self._settled.set()
        return batch

    async def retry(self, batch: Batch, seqs: Sequence[int] = ()) -> int:
        """Try items again, all that have failed or those at some places; each fills its own place. Returns how many.

        What was cancelled on purpose is tried again when its place is named.
        """
        async with self._turn:
            batch = await self.batches.get(batch.id) or batch
            states = (ItemState.FAILED, ItemState.CANCELLED) if seqs else (ItemState.FAILED,)
            wanted = [item for item in await self.batches.items(batch.id, *states) if not seqs or item.seq in seqs]
            if wanted:
                await self._index.reopened(batch)
                await self.batches.put(replace(batch, state=BatchState.RUNNING, reason="", ended=None))
            for item in wanted:
                if item.job_id:
                    with suppress(UserError):  # it was queued anew already
                        await self._scheduler.retry(item.job_id)
                await self.batches.settle(item, ItemState.OPEN if item.job_id else ItemState.WAITING)
        self._stir(batch)
        return len(wanted)

    async def index(self, batch: Batch, *, wanted: bool) -> Batch:
        """Have a batch with an index or without; one that is over has it at once, also anew. Raises Transient."""
        async with self._turn:
            batch = replace(await self.batches.get(batch.id) or batch, indexed=wanted)
            await self.batches.put(batch)
            if batch.state is BatchState.DONE:
                await self._index.publish(batch, anew=True)
        return batch

    def _stir(self, batch: Batch) -> None:
        self._forget(batch)
        self._wake.set()

    def _forget(self, batch: Batch) -> None:
        for what in (self._shown, self._not_before, self._held, self._met):
            what.pop(batch.id, None)

    async def _together(self, state: JobState, batch: Batch) -> None:
        """Have the jobs of a batch that are under way in a state."""
        numbers = [item.job_id for item in await self.batches.items(batch.id, ItemState.OPEN) if item.job_id]
        await self._scheduler.together(state, numbers)
        stop = {JobState.PAUSED: self._scheduler.pause, JobState.CANCELLED: self._scheduler.cancel}.get(state)
        if stop is not None:
            running = [live.job.id for live in self._scheduler.live() if live.job.id in numbers]
            await asyncio.gather(*(_stopped(stop, number) for number in running))

    async def _follow(self, chat_id: int, message_id: int) -> None:
        """Have a batch know that one of its posts has another content, or that a failed place was filled by hand."""
        item = await until_it_works(partial(self.batches.at_slot, chat_id, message_id))
        batch = await until_it_works(partial(self.batches.get, item.batch_id)) if item else None
        if item is None or batch is None:
            return
        async with self._turn:
            if item.state is ItemState.FAILED:
                await until_it_works(partial(self.batches.settle, item, ItemState.DONE))
        if batch.state is BatchState.DONE:
            await self._indexed(batch)

    async def _indexed(self, batch: Batch) -> None:
        """Have the index of a batch that is over read as it should; trouble with that keeps nothing from going on."""
        try:
            async with self._turn:
                await self._index.publish(batch)
        except MedusaError as error:
            if error.fatal:
                raise
            log.info("batch.no_index", batch=batch.id, reason=error.user_text)

    async def _advanced(self, batch: Batch) -> float:
        """Do what can be done for a batch now; returns seconds until it is to be looked at again at the latest."""
        async with self._turn:
            fresh = await until_it_works(lambda: self.batches.get(batch.id)) or batch
            if fresh.state not in (BatchState.RUNNING, BatchState.PAUSED):
                return LOOK_AGAIN
            try:
                return await self._advance(fresh)
            except MedusaError as error:
                if error.fatal:
                    raise
                return await self._put_off(fresh, error)

    async def _advance(self, batch: Batch) -> float:
        under_way = []
        for one in await self.batches.outcomes(batch, ItemState.OPEN):
            if one.state is not None and one.state.ended:
                await self._settle(batch, one)
            else:
                under_way.append(one)
        if batch.state is BatchState.RUNNING:
            wait = max(self._not_before.get(batch.id, 0.0) - time.monotonic(), batch.not_before - time.time())
            if wait > 0:
                await self._show(batch)
                return wait
            if not await self._fill(batch, under_way) and not under_way:
                await self._finish(await self.batches.get(batch.id) or batch)
                return LOOK_AGAIN
        await self._show(batch)
        return PAUSE

    async def _fill(self, batch: Batch, under_way: Sequence[Outcome]) -> bool:
        """Have as many further items begun as there is room for; returns whether any are left that have not."""
        # What is under way and needs nothing now waits for another job, and leaves its slot to others.
        waiting_aside = {live.job.id for live in self._scheduler.live() if not self._scheduler.claims.has(live.job.id)}
        aside = sum(one.item.job_id in waiting_aside for one in under_way)
        busy = sum(one.state in _UNDER_WAY for one in under_way) - aside
        room = min(self._window - busy, _MOST_ASIDE - aside, _MOST_KEPT - len(under_way))
        if room <= 0:
            return True
        limit = room if self._held.get(batch.id) == 0 else _MOST_KEPT - len(under_way)
        waiting = await self.batches.items(batch.id, ItemState.WAITING, limit=limit)
        ready, held = self._apart(batch, waiting, {source_key(one.item.order) for one in under_way}, room)
        self._held[batch.id] = len(held)
        last = max((item.seq for item in ready), default=0)
        wanted = sorted([*ready, *(item for item in held if item.seq < last)], key=lambda item: item.seq)
        batch, numbers = await self._numbered(batch, wanted)
        starts = {item.seq for item in ready}
        for item in wanted:
            known = replace(item, random_id=item.random_id or numbers.get(item.seq))
            batch = await self._begin(batch, known, opens=item.seq in starts)
        return bool(waiting)

    def _apart(
        self, batch: Batch, waiting: Sequence[BatchItem], keys: set[bytes], room: int
    ) -> tuple[list[BatchItem], list[BatchItem]]:
        """The items that may begin, and those before the last of these that stand back.

        Of equal orders the first goes ahead: the others would only wait for what it posts.
        """
        met = self._met.get(batch.id, set())
        ready: list[BatchItem] = []
        held: list[BatchItem] = []
        for item in waiting:
            key = source_key(item.order)
            if key in keys and key not in met and not item.order.force:
                held.append(item)
            elif len(ready) < room:
                keys.add(key)
                ready.append(item)
        return ready, held

    async def _numbered(self, batch: Batch, items: Sequence[BatchItem]) -> tuple[Batch, Mapping[int, int]]:
        """Commit random ids for the messages that are to keep the places of items, with one commit for all."""
        if batch.places in (Places.NONE, Places.TURNS):
            return batch, {}
        numbers = {item.seq: new_random_id() for item in items if item.random_id is None}
        if numbers:
            await self.batches.keep_places(numbers, batch)
        return batch, numbers

    async def _begin(self, batch: Batch, item: BatchItem, *, opens: bool) -> Batch:
        """Keep an item's place, and if it ``opens`` have a job fill it; returns the batch as it is then."""
        slot = item.slot
        if slot is None:
            batch, slot = await self._keeper.kept(batch, item)
        if batch.reason:
            batch = replace(batch, reason="")
            await self.batches.put(batch)
        if opens:
            await self.batches.open_job(batch, item, slot, time.time())
            self._scheduler.look_again()
        elif slot is not None and item.slot is None:
            await self.batches.hold(item, slot)
        return batch

    async def _settle(self, batch: Batch, one: Outcome) -> None:
        """Write down what has become of an item, in its place too if nothing else will stand there."""
        state, item = state_after(one.state), one.item
        self._met.setdefault(batch.id, set()).add(source_key(item.order))
        if state is not ItemState.DONE and item.slot:
            reason = one.reason if state is ItemState.FAILED else "cancelled"
            await self._keeper.say(batch, item.slot, words.failed_text(item, reason))
        await self.batches.settle(item, state, one.reason if state is ItemState.FAILED else "")
        await self._turns.moved()

    async def _put_off(self, batch: Batch, error: MedusaError) -> float:
        """Let a batch wait whose chat is in trouble, and the others go on."""
        log.info("batch.put_off", batch=batch.id, reason=error.user_text)
        pause = error.retry_after
        state = batch.state if pause is not None else BatchState.PAUSED
        fresh = await until_it_works(lambda: self.batches.get(batch.id)) or batch
        await until_it_works(lambda: self.batches.put(replace(fresh, state=state, reason=error.user_text)))
        self._not_before[batch.id] = time.monotonic() + (pause or 0.0)
        return pause or LOOK_AGAIN

    async def _finish(self, batch: Batch) -> None:
        """Say what has come of a batch; in a channel, the command goes, and Saved Messages hear of it."""
        await self._index.publish(batch)
        counts = await self.batches.counts(batch.id)
        done = replace(batch, state=BatchState.DONE, reason="", ended=time.time())
        text = words.summary(done, counts)
        if batch.chat_id == self._index.home:
            if not await self._written(batch, text):
                await self._index.say(batch, text)
        elif not batch.unasked:
            await self._index.say(batch, text)
            await self._keeper.tidy(batch.chat_id, batch.message_id)
        await self.batches.put(done)
        self._forget(batch)
        log.info("batch.done", batch=batch.id, posted=counts[ItemState.DONE], failed=counts[ItemState.FAILED])

    async def _show(self, batch: Batch) -> None:
        """Write into the batch's message how far it is, if that is not what it reads."""
        at, before = self._shown.get(batch.id, (float("-inf"), ""))
        if time.monotonic() - at < PAUSE:
            return
        text = words.progress(batch, await self.batches.counts(batch.id), time.time())
        if text != before:
            self._shown[batch.id] = (time.monotonic(), text)
            await self._written(batch, text)

    async def _written(self, batch: Batch, text: str) -> bool:
        """Have the batch's message read so, if it has one; False when that is gone.

        Other trouble with that keeps nothing from going on.
        """
        try:
            return batch.unasked or await self._messenger.edit(batch.chat_id, batch.message_id, text)
        except MedusaError as error:
            if error.fatal:
                raise
            log.info("batch.unshown", batch=batch.id, reason=error.user_text)
            return True


async def _stopped(stop: Callable[[int], Awaitable[Job]], number: int) -> None:
    with suppress(UserError):  # it has ended in the meantime
        await stop(number)
