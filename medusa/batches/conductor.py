"""Keeps places in a chat for the items of batches, a few ahead, and has jobs fill them in whatever order they end."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from medusa.batches import words
from medusa.batches.places import Keeper
from medusa.batches.turns import Turns
from medusa.config import Slots
from medusa.errors import MedusaError, UserError
from medusa.model import Job, JobState
from medusa.patience import until_it_works
from medusa.scheduler import Scheduler
from medusa.storage.batches import Batch, Batches, BatchItem, BatchState, ItemState, state_after
from medusa.storage.jobs import Jobs
from medusa.telegram.messages import Messenger

log = structlog.get_logger()

PAUSE = 5.0
"""Seconds between two edits of a batch's message."""
LOOK_AGAIN = 30.0
_UNDER_WAY = (JobState.QUEUED, JobState.RUNNING)
_MOST_KEPT = 100
"""Places kept ahead at most, those of jobs that wait for something included."""


class Conductor:
    """Has batches done: each item's place is kept in order, then a job of the scheduler's fills it.

    Everything that it does is committed before the next thing, and repeated without harm after a kill.
    """

    def __init__(
        self, batches: Batches, jobs: Jobs, scheduler: Scheduler, messenger: Messenger, keeper: Keeper, turns: Turns,
        slots: Slots, home: int,
    ) -> None:  # fmt: skip
        self.batches = batches
        self._jobs = jobs
        self._scheduler = scheduler
        self._messenger = messenger
        self._keeper = keeper
        self._turns = turns
        self._home = home
        self._window = 2 * (slots.fetch + slots.process + slots.upload)
        """Jobs of one batch that are under way at once: enough to keep all slots busy."""
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._not_before: dict[int, float] = {}
        """When a batch may go on that its chat has put off (monotonic seconds)."""
        self._shown: dict[int, tuple[float, str]] = {}
        """When a batch's message was written last (monotonic seconds), and what it reads."""
        self._turn = asyncio.Lock()
        """Held while a batch is worked on, so that commands and the conductor do not meet."""

    def changed(self, job: Job) -> None:
        """Hear of a committed change of a job."""
        if job.order.index and (job.state.ended or job.state is JobState.WAITING):
            self._wake.set()

    def look_again(self) -> None:
        """Begin at once with batches that others have made."""
        self._wake.set()

    async def run(self) -> None:
        """Conduct all batches until cancelled."""
        while True:
            self._wake.clear()
            pause = LOOK_AGAIN
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

    async def start(self, batch: Batch) -> Batch:
        """Begin with a planned batch, or go on with a paused one. Raises UserError."""
        async with self._turn:
            if batch.state not in (BatchState.PLANNED, BatchState.PAUSED):
                raise UserError(f"Batch {batch.id} is {batch.state}.")
            batch = replace(batch, state=BatchState.RUNNING, reason="", started=batch.started or time.time())
            await self.batches.put(batch)
            await self._together(JobState.QUEUED, batch)
        self._stir(batch)
        return batch

    async def pause(self, batch: Batch) -> Batch:
        """Keep what is done, and do no more for now. Raises UserError."""
        async with self._turn:
            if batch.state is not BatchState.RUNNING:
                raise UserError(f"Batch {batch.id} is {batch.state}.")
            batch = replace(batch, state=BatchState.PAUSED)
            await self.batches.put(batch)
            await self._together(JobState.PAUSED, batch)
        self._stir(batch)
        return batch

    async def cancel(self, batch: Batch) -> Batch:
        """End a batch: what is posted stays, places that are not filled go. Raises UserError."""
        async with self._turn:
            if batch.state is BatchState.DONE:
                raise UserError(f"Batch {batch.id} is done.")
            await self._together(JobState.CANCELLED, batch)
            left = await self.batches.items(batch.id, ItemState.WAITING, ItemState.OPEN)
            for item in left:
                job = await self._jobs.get(item.job_id) if item.job_id else None
                done = job is not None and job.state is JobState.DONE
                await self.batches.settle(item, ItemState.DONE if done else ItemState.CANCELLED)
                if not done and item.slot:
                    await self._keeper.remove(batch, item.slot)
            await self._jobs.mark_told([item.job_id for item in left if item.job_id])
            batch = replace(batch, state=BatchState.CANCELLED, reason="", ended=time.time())
            await self.batches.put(batch)
            await self._written(batch, words.summary(batch, await self.batches.counts(batch.id)))
        self._settled.set()
        return batch

    async def retry(self, batch: Batch, seqs: Sequence[int] = ()) -> int:
        """Try failed items again, all or those at some places; each fills its own place. Returns how many."""
        async with self._turn:
            failed = await self.batches.items(batch.id, ItemState.FAILED)
            wanted = [item for item in failed if not seqs or item.seq in seqs]
            for item in wanted:
                if item.job_id:
                    with suppress(UserError):  # it was queued anew already
                        await self._scheduler.retry(item.job_id)
                await self.batches.settle(item, ItemState.OPEN if item.job_id else ItemState.WAITING)
            if wanted:
                running = replace(batch, state=BatchState.RUNNING, reason="", ended=None)
                await self.batches.put(running)
        self._stir(batch)
        return len(wanted)

    def _stir(self, batch: Batch) -> None:
        self._shown.pop(batch.id, None)
        self._not_before.pop(batch.id, None)
        self._wake.set()

    async def _together(self, state: JobState, batch: Batch) -> None:
        """Have the jobs of a batch that are under way in a state."""
        numbers = [item.job_id for item in await self.batches.items(batch.id, ItemState.OPEN) if item.job_id]
        await self._scheduler.together(state, numbers)
        stop = {JobState.PAUSED: self._scheduler.pause, JobState.CANCELLED: self._scheduler.cancel}.get(state)
        running = [live.job.id for live in self._scheduler.live() if live.job.id in numbers]
        if stop is not None:
            for number in running:
                with suppress(UserError):  # it has ended in the meantime
                    await stop(number)

    async def _advanced(self, batch: Batch) -> float:
        """Do what can be done for a batch now; returns seconds until it is to be looked at again at the latest."""
        async with self._turn:
            fresh = await until_it_works(lambda: self.batches.get(batch.id)) or batch
            try:
                return await self._advance(fresh)
            except MedusaError as error:
                if error.fatal:
                    raise
                return await self._put_off(fresh, error)

    async def _advance(self, batch: Batch) -> float:
        under_way = kept = 0
        for item in await self.batches.items(batch.id, ItemState.OPEN):
            job = await self._jobs.get(item.job_id or 0)
            if job is not None and job.state.ended:
                await self._settle(batch, item, job)
                continue
            kept += 1
            under_way += job is not None and job.state in _UNDER_WAY
        if batch.state is BatchState.RUNNING:
            wait = max(self._not_before.get(batch.id, 0.0) - time.monotonic(), batch.not_before - time.time())
            if wait > 0:
                await self._show(batch)
                return wait
            room = min(self._window - under_way, _MOST_KEPT - kept)
            waiting = await self.batches.items(batch.id, ItemState.WAITING, limit=max(0, room)) if room > 0 else []
            for item in waiting:
                batch = await self._begin(batch, item)
            if not kept and not waiting:
                await self._finish(batch)
                return LOOK_AGAIN
        await self._show(batch)
        return PAUSE

    async def _begin(self, batch: Batch, item: BatchItem) -> Batch:
        """Keep an item's place, and have a job fill it; returns the batch as it is then."""
        batch, slot = await self._keeper.kept(batch, item)
        if batch.reason:
            batch = replace(batch, reason="")
            await self.batches.put(batch)
        await self.batches.open_job(batch, item, slot, time.time())
        self._scheduler.look_again()
        return batch

    async def _settle(self, batch: Batch, item: BatchItem, job: Job) -> None:
        """Write down what has become of an item, in its place too if nothing else will stand there."""
        state = state_after(job)
        if state is not ItemState.DONE and item.slot:
            words_for_it = job.reason if state is ItemState.FAILED else "cancelled"
            await self._keeper.say(batch, item.slot, words.failed_text(item, words_for_it))
        await self.batches.settle(item, state, job.reason if state is ItemState.FAILED else "")
        await self._jobs.mark_told([job.id])
        await self._turns.moved()

    async def _put_off(self, batch: Batch, error: MedusaError) -> float:
        """Let a batch wait whose chat is in trouble, and the others go on."""
        log.info("batch.put_off", batch=batch.id, reason=error.user_text)
        pause = error.retry_after
        state = batch.state if pause is not None else BatchState.PAUSED
        await until_it_works(lambda: self.batches.put(replace(batch, state=state, reason=error.user_text)))
        self._not_before[batch.id] = time.monotonic() + (pause or 0.0)
        return pause or LOOK_AGAIN

    async def _finish(self, batch: Batch) -> None:
        """Say what has come of a batch; in a channel, the command goes, and Saved Messages hear of it."""
        counts = await self.batches.counts(batch.id)
        done = replace(batch, state=BatchState.DONE, reason="", ended=time.time())
        text = words.summary(done, counts)
        if batch.chat_id == self._home:
            if not await self._written(batch, text):
                await self._messenger.say(self._home, text)
        elif not batch.unasked:
            await self._messenger.say(self._home, text)
            with suppress(UserError):
                await self._messenger.delete(batch.chat_id, [batch.message_id])
        await self.batches.put(done)
        self._shown.pop(batch.id, None)
        log.info("batch.done", batch=batch.id, posted=counts[ItemState.DONE], failed=counts[ItemState.FAILED])

    async def _show(self, batch: Batch) -> None:
        """Write into the batch's message how far it is, if that is not what it reads."""
        at, before = self._shown.get(batch.id, (float("-inf"), ""))
        text = words.progress(batch, await self.batches.counts(batch.id), time.time())
        if text == before or time.monotonic() - at < PAUSE:
            return
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
