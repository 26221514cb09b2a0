"""Lets the jobs of a batch make their posts one after the other, where no places are kept for them."""

import asyncio

from medusa.model import Progress
from medusa.runs import Run
from medusa.storage.batches import Batches, BatchItem, Places

PATIENCE = 600.0
"""Seconds without any progress after which those that are ready no longer wait for those that are not."""


class Turns:
    """Whose turn it is in batches that are posted in turn."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._moved = asyncio.Condition()
        self._ready: set[tuple[int, int]] = set()
        """Batch and place of those that wait for their turn."""
        self._late: set[tuple[int, int]] = set()
        """Batch and place of those that nobody waits for any more."""

    async def mine(self, run: Run) -> None:
        """Wait until all items before a job's have their posts, are given up, or have taken too long."""
        order = run.job.order
        if not order.index or order.slot:
            return
        item = await self._batches.of_job(run.job.id)
        batch = await self._batches.get(item.batch_id) if item else None
        if item is None or batch is None or batch.places is not Places.TURNS:
            return
        me = (item.batch_id, item.seq)
        self._ready.add(me)
        try:
            await self._wait(run, item)
        finally:
            self._ready.discard(me)
            self._late.discard(me)

    async def _wait(self, run: Run, item: BatchItem) -> None:
        async with self._moved:
            while before := await self._before(item):
                run.step_aside(Progress(note="waits for its turn in the batch"))
                try:
                    async with asyncio.timeout(PATIENCE):
                        await self._moved.wait()
                except TimeoutError:
                    self._late |= before - self._ready
                    self._moved.notify_all()

    async def _before(self, item: BatchItem) -> set[tuple[int, int]]:
        """The items whose posts come before this one's."""
        return {(item.batch_id, seq) for seq in await self._batches.left_before(item)} - self._late

    async def moved(self) -> None:
        """Have it looked at once whose turn it is now."""
        async with self._moved:
            self._moved.notify_all()
