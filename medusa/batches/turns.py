"""Lets the jobs of a batch make their posts one after the other, where no places are kept for them."""

import asyncio

from medusa.model import Progress
from medusa.scheduler import Run
from medusa.storage.batches import Batches, Places


class Turns:
    """Whose turn it is in batches that are posted in turn."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._moved = asyncio.Condition()

    async def mine(self, run: Run) -> None:
        """Wait until all items before a job's have their posts, or are given up."""
        order = run.job.order
        if not order.index or order.slot:
            return
        item = await self._batches.of_job(run.job.id)
        batch = await self._batches.get(item.batch_id) if item else None
        if item is None or batch is None or batch.places is not Places.TURNS:
            return
        async with self._moved:
            while await self._batches.left_before(item):
                run.step_aside(Progress(note="waits for its turn in the batch"))
                await self._moved.wait()

    async def moved(self) -> None:
        """Have it looked at once whose turn it is now."""
        async with self._moved:
            self._moved.notify_all()
