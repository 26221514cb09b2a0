"""Tells the owner in Saved Messages what stands nowhere in sight: one line each, gathered, and never often."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from markupsafe import Markup

from medusa.errors import MedusaError
from medusa.model import Job, JobState, Notice
from medusa.observe.metrics import NOTICES_TOLD
from medusa.patience import until_it_works
from medusa.settings import NOTICES, PREFIX, Settings
from medusa.telegram.messages import Messenger, new_random_id
from medusa.words import QUIET, SCHEDULED, clock, job_line, job_name

log = structlog.get_logger()

WINDOW = 5.0
"""Seconds for which news is gathered into one message."""
PAUSE = 10.0
"""Seconds from one message to the next; doubled each time while there is always more to tell."""
LONGEST_PAUSE = 160.0
LONG = 600.0
"""Seconds after which the owner no longer looks for an outcome by himself, and a wait that is worth a line."""
FRESH = 60.0
"""Seconds for which a command message in Saved Messages is surely in sight."""
FEW = 3
"""News of one kind in one message that get a line each; more are counted."""
REPEAT = 3600.0
"""Seconds within which the same line is not told again."""
MOST_REMEMBERED = 1000
MOST_NUMBERS = 10
"""Numbers of failed jobs that are named where jobs are only counted."""

Afterwards = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _News:
    """What was gathered for the next message; jobs by number."""

    done: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    missed: set[int] = field(default_factory=set)
    """The failed jobs of which the owner has not seen it; the others are only told of when they are many."""
    waiting: dict[int, Job] = field(default_factory=dict)
    lines: dict[Notice, list[str]] = field(default_factory=dict)
    afterwards: list[Afterwards] = field(default_factory=list)

    def drop(self, number: int) -> None:
        """Forget a job whose state is another one by now."""
        for jobs in (self.done, self.failed, self.waiting):
            jobs.pop(number, None)
        self.missed.discard(number)


class Notices:
    """The owner's notices. ``home`` is the id of Saved Messages. What was not sent yet when the process ends is lost.

    Notices neither fail nor delay work: hearing returns at once, and flood waits are waited out here.
    """

    def __init__(
        self, messenger: Messenger, settings: Settings, home: int, *, now: Callable[[], float] = time.time
    ) -> None:
        self._messenger = messenger
        self._settings = settings
        self._home = home
        self._now = now
        self._news = _News()
        self._due = asyncio.Event()
        self._hurry = asyncio.Event()
        """Set when somebody waits for the end, and nothing more is to be gathered for."""
        self._sending = False
        self._sent = asyncio.Event()
        self._told: OrderedDict[int | tuple[Notice, str], float] = OrderedDict()
        """When the latest failed jobs and lines were told (monotonic seconds)."""
        self._waits: dict[int, tuple[str, ...]] = {}
        """The reasons for which living jobs have begun long waits; numbers in them do not count."""

    def tell(self, kind: Notice, text: str) -> None:
        """Have one line told; the same line is told once an hour."""
        at = time.monotonic()
        if self._wants(kind) and at - self._told.get((kind, text), float("-inf")) >= REPEAT:
            self._remember((kind, text), at)
            NOTICES_TOLD.labels(kind).inc()
            self._news.lines.setdefault(kind, []).append(text)
            self._due.set()

    def changed(self, job: Job) -> None:
        """Hear of a committed change of a job.

        What belongs to a batch is told in the batch's own message, if any, and others are told where they have asked.
        """
        if (job.order.index and not job.unasked) or job.order.person:
            return
        self._news.drop(job.id)
        if job.state.ended:
            self._waits.pop(job.id, None)
        else:
            self._told.pop(job.id, None)
        match job.state:
            case JobState.DONE if self._wants(Notice.DONE):
                self._news.done[job.id] = job
                self._due.set()
            case JobState.FAILED:
                self._failed(job)
            case JobState.WAITING:
                self._waiting(job)

    def unheard(self, jobs: Sequence[Job], then: Afterwards) -> None:
        """Hear of failed jobs whose command message is gone; ``then`` is awaited once the owner has been told."""
        for job in jobs:
            if job.id not in self._told:
                self._news.failed[job.id] = job
                self._news.missed.add(job.id)
        self._news.afterwards.append(then)
        self._due.set()

    def _failed(self, job: Job) -> None:
        age = (job.ended or self._now()) - job.created
        if job.chat_id != self._home or job.unasked or age > LONG:
            self._news.missed.add(job.id)
        elif age <= FRESH:
            return
        self._news.failed[job.id] = job
        self._due.set()

    def _waiting(self, job: Job) -> None:
        if job.not_before - self._now() <= LONG or job.reason.startswith((SCHEDULED, QUIET)):
            return
        reason, known = _without_numbers(job.reason), self._waits.get(job.id, ())
        if reason not in known:
            self._waits[job.id] = (*known, reason)
            self._news.waiting[job.id] = job
            self._due.set()

    async def run(self) -> None:
        """Send what is heard, until cancelled. Raises what is fatal for the whole process."""
        pause = PAUSE
        while True:
            if not self._due.is_set():
                pause = PAUSE
            await self._due.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(WINDOW):
                    await self._hurry.wait()
            if await self._send():
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    async def idle(self) -> None:
        """Wait until all that was heard has been told, without gathering any longer."""
        while self._sending or self._news.afterwards or self._text(self._news):
            self._hurry.set()
            self._sent.clear()
            await self._sent.wait()

    async def _send(self) -> bool:
        """Send what was gathered, if it is worth it; whether it was."""
        news, self._news, self._sending = self._news, _News(), True
        self._due.clear()
        self._hurry.clear()
        text, number, jobs = self._text(news), new_random_id(), _worth_telling(news)
        for job in jobs:
            self._remember(job.id, time.monotonic())
        try:
            if text:
                await until_it_works(lambda: self._messenger.say_once(self._home, text, number))
            for then in news.afterwards:
                await until_it_works(then)
        except MedusaError as error:
            if error.fatal:
                raise
            log.warning("notice.lost", error=error.user_text)
            for job in jobs:
                self._told.pop(job.id, None)
        finally:
            self._sending = False
            self._sent.set()
        return bool(text)

    def _remember(self, what: int | tuple[Notice, str], at: float) -> None:
        self._told[what] = at
        self._told.move_to_end(what)
        while len(self._told) > MOST_REMEMBERED:
            self._told.popitem(last=False)

    def _text(self, news: _News) -> Markup:
        """The message about the news that is not muted; empty when nothing is left to say."""
        done = list(news.done.values()) if self._wants(Notice.DONE) else []
        failed = _worth_telling(news) if self._wants(Notice.FAILED) else []
        waiting = list(news.waiting.values()) if self._wants(Notice.WAITING) else []
        lines = [*self._outcomes(done, failed), *self._waits_of(waiting)]
        for texts in (texts for kind, texts in news.lines.items() if self._wants(kind)):
            lines += [Markup("{}").format(text) for text in texts[:FEW]]
            lines += [Markup("… and {} more like that").format(len(texts) - FEW)] if len(texts) > FEW else []
        return Markup("\n").join(lines)

    def _outcomes(self, done: Sequence[Job], failed: Sequence[Job]) -> list[Markup]:
        if max(len(done), len(failed)) <= FEW:
            return [job_line(job, self._now()) for job in (*done, *failed)]
        counts = [f"{len(done)} {_are(done, 'is done', 'are done', named=True)}"] if done else []
        if failed:
            numbers = f" ({', '.join(f'#{job.id}' for job in failed)})" if len(failed) <= MOST_NUMBERS else ""
            counts.append(f"{len(failed)} {_are(failed, 'has failed', 'have failed', named=not done)}{numbers}")
        hints = [f"{self._prefix}history"] * bool(done) + [f"{self._prefix}retry failed"] * bool(failed)
        return [Markup("{}: {}").format(", ".join(counts), ", ".join(hints))]

    def _waits_of(self, jobs: Sequence[Job]) -> list[Markup]:
        now = self._now()
        if len(jobs) <= FEW:
            line = Markup("… <b>#{}</b> {} waits until {}: {}")
            return [line.format(job.id, job_name(job), clock(job.not_before, now), job.reason) for job in jobs]
        first = min(jobs, key=lambda job: job.not_before)
        reasons = {_without_numbers(job.reason) for job in jobs}
        why = f" {first.reason}" if len(reasons) == 1 else ""
        line = Markup("{} jobs have to wait, the first of them until {}:{} {}queue")
        return [line.format(len(jobs), clock(first.not_before, now), why, self._prefix)]

    def _wants(self, kind: Notice) -> bool:
        return self._settings[NOTICES[kind]]

    @property
    def _prefix(self) -> str:
        return self._settings[PREFIX][0]


def _worth_telling(news: _News) -> list[Job]:
    if len(news.failed) > FEW:
        return list(news.failed.values())
    return [job for number, job in news.failed.items() if number in news.missed]


def _are(jobs: Sequence[Job], one: str, many: str, *, named: bool) -> str:
    words = one if len(jobs) == 1 else many
    return f"job{'' if len(jobs) == 1 else 's'} {words}" if named else words


def _without_numbers(reason: str) -> str:
    return "".join(letter for letter in reason if not letter.isdigit())
