"""Has people take turns, so that nobody waits for all that others have asked for."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from medusa.model import Job
from medusa.storage.jobs import Jobs


class Shares:
    """Knows who may have queued jobs: the owner (0), and whoever was ``seen``."""

    def __init__(self) -> None:
        self._people = {0}

    def seen(self, jobs: Iterable[Job]) -> None:
        """Note who has asked for these jobs."""
        self._people.update(job.order.person for job in jobs)

    async def first(
        self,
        jobs: Jobs,
        working: Iterable[int],
        find: Callable[[Jobs], Awaitable[list[Job]]],
        may_start: Callable[[Job], bool],
    ) -> list[Job]:
        """What ``find`` finds among all jobs; where several people have some, one job of who has the fewest at work.

        ``working`` names the person of each job at work. Within one person's jobs, it goes by their turns.
        """
        if len(self._people) > 1:
            self._people = await jobs.queueing()
        if len(self._people) <= 1:
            return await find(jobs)
        count = Counter(working)
        for person in sorted(self._people, key=lambda one: (count[one], one)):
            if fresh := [job for job in await find(jobs.of(person)) if may_start(job)]:
                return fresh[:1]
        return []
