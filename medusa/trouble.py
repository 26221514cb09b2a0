"""Remembers how the latest jobs ended and waited, to see when many fail, or one site does."""

import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from medusa.findings import Finding
from medusa.model import Job, JobState
from medusa.names import brief
from medusa.patience import until_it_works
from medusa.words import span

HOUR = 3600.0
DAY = 24 * HOUR
LATEST = 20
"""Jobs that are looked at to see whether many fail."""
MANY = 8
"""Failures among them that are many, if they are at least half."""
IN_A_ROW = 4
"""Failures of one site, with nothing done between them, after which it is said to fail."""
FLOODS = 5
"""Waits for Telegram within an hour that are many."""
LONG_FLOOD = 1800.0
"""Seconds of a wait for Telegram that is worth a word by itself."""
_REMEMBERED, _RECALLED = 200, 50
_FLOOD = "Telegram asks to wait"
"""How the reason of such a wait begins; see `medusa.telegram.errors.flood_wait`."""


@dataclass(frozen=True, slots=True)
class _End:
    job: int
    at: float
    host: str
    failed: bool
    reason: str


class Trouble:
    """What is known of the latest jobs: ``changed`` hears of them, ``recent`` finds those of before this process."""

    def __init__(self, recent: Callable[[int], Awaitable[list[Job]]]) -> None:
        self._recent = recent
        self._recalled = False
        self._ends: deque[_End] = deque(maxlen=_REMEMBERED)
        self._floods: dict[int, tuple[float, float]] = {}
        """When a job began to wait for Telegram, and until when, by its number; the latest last."""

    def changed(self, job: Job) -> None:
        """Hear of a committed change of a job."""
        if job.state in (JobState.DONE, JobState.FAILED):
            self._ends.append(_end(job))
        elif job.state is JobState.WAITING and job.reason.startswith(_FLOOD):
            self._floods.pop(job.id, None)
            self._floods[job.id] = (time.time(), job.not_before)
            while len(self._floods) > _REMEMBERED:
                del self._floods[next(iter(self._floods))]

    async def _recall(self) -> None:
        """Take up, once, how jobs ended before this process was started."""
        if self._recalled:
            return
        jobs = await until_it_works(lambda: self._recent(_RECALLED))
        self._recalled = True
        ends = {_end(job) for job in jobs if job.state in (JobState.DONE, JobState.FAILED)}
        self._ends = deque(sorted(ends | set(self._ends), key=lambda end: end.at), _REMEMBERED)

    async def failures(self, now: float) -> Finding:
        """Whether many jobs fail, or all of one site."""
        await self._recall()
        last = [end for end in self._ends if abs(now - end.at) <= HOUR][-LATEST:]
        failed = [end for end in last if end.failed]
        if len(failed) >= max(MANY, len(last) / 2):
            host, count = Counter(end.host for end in failed).most_common(1)[0]
            most = f", {count} of them at {brief(host)}" if host else ""
            seen = f"{len(failed)} of the last {len(last)} jobs have failed within an hour{most}: {failed[-1].reason}"
            return Finding("jobs", False, seen, "When that is mended, /retry failed tries them again.")
        if (site := self.failing(now)) is not None:
            since = time.strftime("%H:%M", time.localtime(site[0].at))
            seen = f"{brief(site[0].host)} fails since {since}: {len(site)} jobs in a row. {site[-1].reason}"
            return Finding("jobs", False, seen, "When that is mended, /retry failed tries them again.")
        lately = f"{len(failed)} of {len(last)} failed within the last hour" if last else "none ended in the last hour"
        return Finding("jobs", True, lately)

    def failing(self, now: float) -> list[_End] | None:
        """The failures in a row of the site that has had most of them within a day; None when no site fails."""
        rows: dict[str, list[_End]] = {}
        for end in self._ends:
            if end.host and abs(now - end.at) <= DAY:
                rows[end.host] = [*rows.get(end.host, []), end] if end.failed else []
        longest = max(rows.values(), key=len, default=[])
        return longest if len(longest) >= IN_A_ROW else None

    async def floods(self, now: float) -> Finding:
        """Whether Telegram makes jobs wait often, or long."""
        last = [flood for flood in self._floods.values() if abs(now - flood[0]) <= HOUR or flood[1] > now]
        longest = max((until - now for _, until in last), default=0.0)
        if longest >= LONG_FLOOD or len(last) >= FLOODS:
            waits = f"{len(last)} jobs" if len(last) > 1 else "a job"
            left = f", for {span(longest)} yet" if longest > 0 else " again and again"
            seen = f"Telegram makes {waits} wait{left}."
            return Finding("flood waits", False, seen, "Fewer posts at once help; nothing is lost meanwhile.")
        return Finding("flood waits", True, f"{len(last)} in the last hour" if last else "none in the last hour")


def _end(job: Job) -> _End:
    failed = job.state is JobState.FAILED
    return _End(job.id, job.ended or 0.0, job.order.host, failed, job.reason if failed else "")
