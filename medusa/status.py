"""Shows the owner what the jobs do: one live message per chat, and each outcome in its command message."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiolimiter import AsyncLimiter
from markupsafe import Markup

from medusa.errors import MedusaError, Scope, Transient
from medusa.model import Job, JobState, Live
from medusa.patience import until_it_works
from medusa.scheduler import Scheduler
from medusa.storage.boards import Boards
from medusa.storage.jobs import Jobs
from medusa.telegram.messages import Messenger, new_random_id
from medusa.words import VERBS, job_line, job_lines, progress_line

log = structlog.get_logger()

PRIVATE_PAUSE = 5.0
CHANNEL_PAUSE = 10.0
"""Seconds between two edits of a live message: the pace that Telegram allows for in private and elsewhere."""
QUIET_FOR = 3600.0
"""Seconds for which that pace is halved after a flood wait."""
UNREACHABLE_FOR = 60.0
"""Seconds for which a chat is left alone that refuses its live message and does not say for how long."""
PATIENCE = 1.5
"""Seconds that a job may run before it is worth a live message."""
LONG_WAIT = 60.0
"""Seconds of waiting from which on a job's command message says so."""
MOST_REMEMBERED = 200
"""Command messages whose text is remembered."""
MOST_SHOWN = 8
"""Jobs named one by one in a live message."""

Unheard = Callable[[Sequence[Job], Callable[[], Awaitable[None]]], None]
"""Takes failed jobs of which their command message cannot tell, and what to await once the owner knows of them."""


@dataclass(slots=True)
class _Board:
    """The live message of one chat."""

    message_id: int | None = None
    random_id: int | None = None
    """Under which it is sent, or was by an earlier process, which did not live to see its message id."""
    text: str = ""
    touched: float = float("-inf")
    gone: bool = False
    """The owner deleted it: it stays away until the jobs at hand have ended."""
    adopted: bool = False
    """It is the owner's own /status message, which is not ours to delete."""


@dataclass(slots=True)
class _Speed:
    """How fast one job's stage goes, in the unit of its progress a second, smoothed over the samples."""

    since: float
    at: float
    done: int
    value: float | None = None

    def sample(self, at: float, done: int) -> None:
        if done < self.done:  # something else is being counted
            self.at, self.done, self.value = at, done, None
        if at - self.at < 0.3:
            return
        now = (done - self.done) / (at - self.at)
        self.value = now if self.value is None else 0.6 * self.value + 0.4 * now
        self.at, self.done = at, done


class Status:
    """Keeps the owner's messages in step with the jobs. ``home`` is the id of Saved Messages."""

    def __init__(
        self, scheduler: Scheduler, jobs: Jobs, boards: Boards, messenger: Messenger, home: int, unheard: Unheard
    ) -> None:
        self._unheard = unheard
        self._scheduler = scheduler
        self._jobs = jobs
        self._stored = boards
        self._messenger = messenger
        self._home = home
        self._boards: dict[int, _Board] = {}
        self._speeds: dict[int, _Speed] = {}
        self._flooded_at = float("-inf")
        self._edits = AsyncLimiter(10, 30)
        self._showing = asyncio.Lock()
        """Held while live messages are changed."""
        self._stirred = asyncio.Event()
        """Set whenever an outcome was told or a live message went."""
        self._outcomes: dict[tuple[int, int], None] = {}
        self._news: dict[tuple[int, int], None] = {}
        """Command messages to be rewritten: those of ended jobs, and others."""
        self._written: OrderedDict[tuple[int, int], str] = OrderedDict()
        """What the latest command messages read, so that nothing is said twice."""
        self._long_waiting: set[int] = set()
        """Jobs whose command message says that they wait, and must not go on saying so."""
        self._due = asyncio.Event()

    def changed(self, job: Job) -> None:
        """Hear of a committed change; returns at once. What belongs to a batch is told in the batch's own message."""
        if job.order.index:
            return
        if job.state.ended:
            self._long_waiting.discard(job.id)
            self._outcomes[job.chat_id, job.message_id] = None
            self._due.set()
        elif job.state is JobState.WAITING and job.not_before - time.time() > LONG_WAIT:
            self._long_waiting.add(job.id)
            self.announce(job.chat_id, job.message_id)
        elif job.id in self._long_waiting:
            self._long_waiting.discard(job.id)
            self.announce(job.chat_id, job.message_id)

    def announce(self, chat_id: int, message_id: int) -> None:
        """Have a command message rewritten to say where its jobs stand.

        All such edits pass through one task, outcomes first, and read the jobs when their turn comes: an old state can
        never overwrite a new one, and many changes of one message cost one edit.
        """
        self._news[chat_id, message_id] = None
        self._due.set()

    async def adopt(self, chat_id: int, message_id: int) -> None:
        """Make the owner's /status message the chat's live one; a former live message goes."""
        if not await self._jobs.counts_in(chat_id):
            await self._messenger.edit(chat_id, message_id, "Nothing is running here.")
            return
        async with self._showing:
            former = self._boards.get(chat_id)
            if former is not None:
                await self._remove(chat_id, former, "The live view has moved further down.")
            self._boards[chat_id] = _Board(message_id, adopted=True)

    async def run(self) -> None:
        """Tell outcomes as they come and refresh the live messages, until cancelled."""
        for chat_id, random_id in await until_it_works(self._stored.all):
            self._boards[chat_id] = _Board(random_id=random_id)
        for job in [job for job in await until_it_works(self._jobs.untold) if not job.order.index]:
            self.announce(job.chat_id, job.message_id)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tell_outcomes())
            group.create_task(self._refresh_boards())

    async def idle(self) -> None:
        """Wait until every outcome has been told and no live message is left."""
        while True:
            self._stirred.clear()
            if not self._boards and not await self._jobs.untold():
                return
            await self._stirred.wait()

    async def _tell_outcomes(self) -> None:
        while True:
            await self._due.wait()
            pending = self._outcomes or self._news
            if not pending:
                self._due.clear()
                continue
            place = next(iter(pending))
            del pending[place]
            try:
                await self._tell(*place)
            except Transient as error:
                pending[place] = None
                await self._put_off(error)
            except MedusaError as error:
                await self._put_off(error)

    async def _tell(self, chat_id: int, message_id: int) -> None:
        """Write into a command message where its jobs stand; in a channel, full success just removes the message."""
        family = await self._jobs.of_message(chat_id, message_id)
        ended = [job for job in family if job.state.ended and not job.told]
        try:
            heard = await self._rewrite(chat_id, message_id, family)
        except MedusaError as error:
            if not _of_chat(error):
                raise
            log.info("status.unreachable", chat=chat_id, reason=error.user_text)
            heard = False
        unheard = [] if heard else [job for job in ended if job.state is JobState.FAILED]
        if unheard:
            self._unheard(unheard, lambda: self._told(unheard))
        await self._told([job for job in ended if job not in unheard])

    async def _told(self, jobs: Sequence[Job]) -> None:
        """Note that the owner knows how these jobs ended."""
        await self._jobs.mark_told([job.id for job in jobs])
        self._stirred.set()

    async def _rewrite(self, chat_id: int, message_id: int, family: list[Job]) -> bool:
        """Bring a command message up to date; False when it is gone."""
        if chat_id != self._home and all(job.state is JobState.DONE and not job.reason for job in family):
            await self._messenger.delete(chat_id, [message_id])
            return True
        if self._written.get((chat_id, message_id)) == job_lines(family, time.time()):
            return True
        async with self._edits:
            text = job_lines(await self._jobs.of_message(chat_id, message_id), time.time())
            there = await self._messenger.edit(chat_id, message_id, text)
        self._written[chat_id, message_id] = text
        while len(self._written) > MOST_REMEMBERED:
            self._written.popitem(last=False)
        return there

    async def _refresh_boards(self) -> None:
        while True:
            await asyncio.sleep(0.5)
            self._sample()
            started = {live.job.chat_id for live in self._scheduler.live() if live.age > PATIENCE}
            if not started and not self._boards:
                continue
            try:
                await self._refresh_all(started)
            except MedusaError as error:
                await self._put_off(error)

    async def _refresh_all(self, started: set[int]) -> None:
        for chat_id in started | set(self._boards):
            async with self._showing:
                try:
                    await self._refresh(chat_id)
                except MedusaError as error:
                    if not _of_chat(error):
                        raise
                    self._set_aside(chat_id, error)

    def _set_aside(self, chat_id: int, error: MedusaError) -> None:
        """Leave a chat alone that cannot be written to; its jobs go on, and so do the other live messages."""
        log.info("status.unreachable", chat=chat_id, reason=error.user_text)
        if chat_id in self._boards:
            self._boards[chat_id].touched = time.monotonic() + (error.retry_after or UNREACHABLE_FOR)
            self._boards[chat_id].text = ""

    async def _put_off(self, error: MedusaError) -> None:
        """Progress may neither fail nor delay work: whatever stands in its way, wait and go on."""
        if error.fatal:
            raise error
        log.info("status.put_off", error=error.user_text)
        self._flooded_at = time.monotonic()
        await asyncio.sleep(error.retry_after or CHANNEL_PAUSE)

    async def _refresh(self, chat_id: int) -> None:
        board = self._boards.get(chat_id)
        if await self._jobs.counts_in(chat_id):
            board = self._boards.setdefault(chat_id, _Board())
            if not board.gone and time.monotonic() - board.touched >= self._pause(chat_id):
                await self._show(chat_id)
        elif board is not None:
            try:
                await self._remove(chat_id, board, "All done here.")
            except MedusaError as error:
                if not _of_chat(error):
                    raise  # what passes is waited for, then it is tried again
                log.info("status.unreachable", chat=chat_id, reason=error.user_text)
            del self._boards[chat_id]
            self._stirred.set()

    def _pause(self, chat_id: int) -> float:
        usual = PRIVATE_PAUSE if chat_id == self._home else CHANNEL_PAUSE
        return usual * 2 if time.monotonic() - self._flooded_at < QUIET_FOR else usual

    async def _show(self, chat_id: int) -> None:
        """Write the chat's live message, if it would read otherwise than it does; what it says is as new as can be."""
        async with self._edits:
            board = self._boards[chat_id]
            text = self._render(
                [live for live in self._scheduler.live() if live.job.chat_id == chat_id],
                await self._jobs.waiting_in(chat_id, MOST_SHOWN),
                await self._jobs.counts_in(chat_id),
            )
            if not text or text == board.text:
                return
            board.touched, board.text = time.monotonic(), text
            if board.message_id is None:
                await self._place(chat_id, board, text)
            elif not await self._messenger.edit(chat_id, board.message_id, text):
                board.gone = True

    async def _place(self, chat_id: int, board: _Board, text: str) -> None:
        """Send a live message, or find the one that an earlier process has sent, which reads as it did then."""
        board.text = text if board.random_id is None else ""
        if board.random_id is None:
            number = new_random_id()
            await self._stored.put(chat_id, number)
            board.random_id = number
        board.message_id = await self._messenger.say_once(chat_id, text, board.random_id)

    async def _remove(self, chat_id: int, board: _Board, last_words: str) -> None:
        """Take a live message away; the owner's own /status message stays, with ``last_words``."""
        if board.gone or (board.message_id is None and board.random_id is None):
            return
        if board.message_id is None:
            await self._place(chat_id, board, last_words)
        if board.adopted:
            await self._messenger.edit(chat_id, board.message_id or 0, last_words)
        else:
            await self._messenger.delete(chat_id, [board.message_id or 0])
            await self._stored.forget(chat_id)

    def _sample(self) -> None:
        """Take a sample of each running stage for its speed."""
        lives = self._scheduler.live()
        for number in set(self._speeds) - {live.job.id for live in lives}:
            del self._speeds[number]
        for live in lives:
            speed = self._speeds.get(live.job.id)
            if speed is None or speed.since != live.since:
                self._speeds[live.job.id] = _Speed(live.since, time.monotonic(), live.progress.done)
            else:
                speed.sample(time.monotonic(), live.progress.done)

    def _render(self, lives: Sequence[Live], waiting: Sequence[Job], counts: Mapping[JobState, int]) -> Markup:
        """What a live message says, given the first waiting jobs of its chat and how many there are in all."""
        running = [live for live in lives if live.job.state is JobState.RUNNING]
        blocks = [*map(self._block, running), *(job_line(job, time.time()) for job in waiting)][:MOST_SHOWN]
        more = len(running) + counts.get(JobState.WAITING, 0) - len(blocks)
        if more > 0:
            blocks.append(Markup("and {} more under way").format(more))
        if queued := counts.get(JobState.QUEUED):
            blocks.append(Markup("{} queued").format(queued))
        return Markup("\n\n").join(blocks)

    def _block(self, live: Live) -> Markup:
        speed = self._speeds.get(live.job.id)
        head = Markup("<b>#{}</b> {} · {}").format(
            live.job.id, VERBS[live.job.stage], live.job.title or live.job.order.link
        )
        line = progress_line(live.progress, speed.value if speed else None)
        return Markup("{}\n{}").format(head, line) if line else head


def _of_chat(error: MedusaError) -> bool:
    """Whether the trouble is one chat's alone, so that the others need not wait."""
    if isinstance(error, Transient):
        return error.scope is Scope.CHAT
    return not error.fatal
