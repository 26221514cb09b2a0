"""Keeps the jobs."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from typing import Any

from medusa.errors import Scope
from medusa.model import Hold, Job, JobState, Moved, Order, Priority, Stage
from medusa.parking import Key
from medusa.storage import turns
from medusa.storage.contents import WITHOUT_SECRETS
from medusa.storage.handled import note
from medusa.storage.sparse import differing, files_of, files_text, laps_of, laps_text
from medusa.storage.store import Row, Store, Transaction
from medusa.storage.text import storable

SCRUBBED = f'"order" = {WITHOUT_SECRETS}'
"""Has an order forget its secrets."""
LIVE = "state IN ('queued', 'running', 'waiting', 'paused')"
_ENDED = "state IN ('done', 'failed', 'cancelled')"
# Told is said of jobs that have ended only, so all others are among the untold, which have an index.
_LINE = {
    state: f"told = 0 AND state = '{state}' ORDER BY place, id"
    for state in (JobState.RUNNING, JobState.QUEUED, JobState.WAITING, JobState.PAUSED)
}
"""How the queue reads from its head to its end."""
_FROM = {
    JobState.PAUSED: "state IN ('queued', 'waiting')",
    JobState.QUEUED: "state = 'paused'",
    JobState.CANCELLED: "state IN ('queued', 'waiting', 'paused')",
}
"""The states that a job may leave for this one while nothing works on it."""

_CHANGING = (
    "state", "stage", '"order"', "attempts", "not_before", "reason", "title", "size", "post_id", "ended", "told",
    "files", "laps", "moved",
)  # fmt: skip
_COLUMNS = f"id, chat_id, message_id, created, priority, turn, {', '.join(_CHANGING)}"
_SELECT = f"SELECT {_COLUMNS} FROM jobs"  # noqa: S608 (constants)
_INSERT = (
    "INSERT INTO jobs (chat_id, message_id, ordinal, created, priority, arrival, turn, host, person, "  # noqa: S608
    f"{', '.join(_CHANGING)}) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?{', ?' * len(_CHANGING)})"
)
_UPDATE = f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _CHANGING)} WHERE id = ? RETURNING id"  # noqa: S608
_INDEXED = ("state", "not_before", "ended", "told")
_FREE = [name for name in _CHANGING if name not in _INDEXED]
_UPDATE_FREE = (
    f"UPDATE jobs SET {', '.join(f'{name} = ?' for name in _FREE)} "  # noqa: S608
    f"WHERE id = ? AND ({', '.join(_INDEXED)}) IS (?, ?, ?, ?) RETURNING id"
)
"""SQLite writes every index that knows a column which is set, even to the same value; here there is none."""

_READY = "state = 'queued' AND stage IN ('process', 'upload', 'post')"
_ELSEWHERE = "host NOT IN (SELECT value FROM json_each(?))"
_OTHERWISE = "stage NOT IN (SELECT value FROM json_each(?))"
_COLUMN_OF = {Scope.CHAT: "target", Scope.HOST: "host"}

Beside = Callable[[Transaction], Awaitable[None]]
"""Writes what has to be committed together with a job's row, or not at all."""


_NEAREST = (
    "SELECT min(person) FROM jobs INDEXED BY jobs_of_others "
    "WHERE told = 0 AND state = 'queued' AND person <> 0 AND person >"
)
_QUEUEING = (
    f"WITH RECURSIVE found (person) AS ({_NEAREST} 0 UNION ALL SELECT ({_NEAREST} found.person) FROM found "  # noqa: S608
    "WHERE found.person IS NOT NULL) SELECT person FROM found WHERE person IS NOT NULL UNION ALL "
    "SELECT 0 WHERE EXISTS (SELECT 1 FROM jobs WHERE told = 0 AND state = 'queued' AND +person = 0)"
)
"""Who has queued jobs, without reading all of these: from each person on to the next."""


class Jobs:
    """All jobs, ended ones too, by the number that the owner sees. Times are Unix seconds.

    ``of`` gives the same for one person: what looks for jobs finds only that person's.
    """

    def __init__(self, store: Store, person: int | None = None) -> None:
        self._store = store
        self._person = person

    def of(self, person: int) -> "Jobs":
        """The jobs that a person has asked for."""
        return Jobs(self._store, person)

    @property
    def _theirs(self) -> str:
        """The condition that jobs are that person's, to stand behind others."""
        if self._person is None:
            return ""
        # The plus keeps SQLite to the index of the other conditions, in which most jobs are the owner's.
        return f" AND person = {self._person:d} AND person <> 0" if self._person else " AND +person = 0"

    @property
    def _queue(self) -> str:
        """The table with the index in which the queue is found, which SQLite does not choose by itself."""
        return "jobs INDEXED BY jobs_of_others" if self._person else "jobs"

    async def add(
        self,
        orders: Sequence[Order],
        chat_id: int,
        message_id: int,
        now: float,
        *,
        priority: Priority = Priority.NORMAL,
        not_before: float = 0.0,
        reason: str = "",
    ) -> list[Job]:
        """Queue the orders of one message, all or none, and return their jobs in the same order.

        With a ``not_before`` to come they wait, for the ``reason``. When the message has given jobs before, those are
        returned and nothing is added. With the jobs it is committed that the message was handled.
        """
        state = JobState.WAITING if not_before > now else JobState.QUEUED
        sql = f"{_SELECT} WHERE chat_id = ? AND message_id = ? ORDER BY ordinal"
        async with self._store.write() as db:
            rows = await db.run(sql, (chat_id, message_id))
            if not rows:
                first = await turns.arrival(db, now)
                fresh = [
                    Job(
                        0,
                        state,
                        order,
                        chat_id,
                        message_id,
                        now,
                        not_before=not_before,
                        reason=reason,
                        priority=priority,
                    )
                    for order in orders
                ]
                await db.many(_INSERT, [_row(job, n, first + n) for n, job in enumerate(fresh)])
                await note(db, chat_id, message_id, now)
                rows = await db.run(sql, (chat_id, message_id))
        return [_decode(row) for row in rows]

    async def get(self, job_id: int) -> Job | None:
        """The job with this number, or None."""
        row = await self._store.read_one(f"{_SELECT} WHERE id = ?{self._theirs}", (job_id,))
        return _decode(row) if row else None

    async def save(self, job: Job, beside: Beside | None = None) -> None:
        """Commit the job as it is now, but for its priority. Raises LookupError when it was never added."""
        async with self._store.write() as db:
            await _save(db, job)
            if beside is not None:
                await beside(db)

    async def requeue(self, job: Job, now: float) -> None:
        """Commit the job as it is now, and put it where it would stand had it just been asked for."""
        async with self._store.write() as db:
            await _save(db, job)
            arrival = await turns.arrival(db, now)
            turn = arrival - turns.AHEAD[job.priority]
            await db.run("UPDATE jobs SET arrival = ?, turn = ? WHERE id = ?", (arrival, turn, job.id))

    async def prioritise(self, job_id: int, priority: Priority) -> int:
        """Commit a priority and return the turn that follows from it, wherever the job was moved to before."""
        sql = "UPDATE jobs SET priority = ?, turn = arrival - ? WHERE id = ? RETURNING turn"
        async with self._store.write() as db:
            [(turn,)] = await db.run(sql, (priority, turns.AHEAD[priority], job_id))
        return int(turn)

    async def set_state(self, job_ids: Sequence[int], state: JobState, now: float) -> list[Job]:
        """Commit PAUSED, QUEUED or CANCELLED together for those of the jobs that can be so at once.

        Nothing works on these: PAUSED and CANCELLED become queued and waiting jobs, CANCELLED paused ones, too. QUEUED
        become paused ones, or WAITING where their time has not come. Returns them as they are now, by number.
        """
        new: str = "?"
        values: list[Any] = [state.value]
        if state is JobState.QUEUED:
            new, values = "CASE WHEN not_before > ? THEN 'waiting' ELSE 'queued' END", [now]
        elif state is JobState.CANCELLED:
            new = f"?, reason = 'cancelled', not_before = 0, files = '[]', ended = ?, {SCRUBBED}"
            values = [state.value, now]
        sql = (
            f"UPDATE jobs SET state = {new} WHERE id IN (SELECT value FROM json_each(?)) AND {_FROM[state]} "  # noqa: S608
            f"RETURNING {_COLUMNS}"
        )
        async with self._store.write() as db:
            rows = await db.run(sql, (*values, json.dumps(job_ids)))
        return sorted((_decode(row) for row in rows), key=lambda job: job.id)

    async def move(self, job_ids: Sequence[int], place: turns.Place, chat_id: int, message_id: int, now: float) -> None:
        """Commit other turns for those of the jobs that are queued, and that the message which asks for it was handled.

        The jobs move one after the other, in the order given. Nothing moves when the message was handled before.
        """
        async with self._store.write() as db:
            if await note(db, chat_id, message_id, now):
                for job_id in job_ids:
                    await turns.move(db, job_id, place)

    async def live(self) -> list[Job]:
        """The jobs that have not ended, in the order of the queue."""
        return [job for line in _LINE.values() for job in await self._find(f"WHERE {line}")]

    async def queued(self, limit: int, but_at: Sequence[str] = (), but_in: Sequence[Stage] = ()) -> list[Job]:
        """Up to ``limit`` jobs that may start, those whose turn it is first.

        None of them would fetch at the hosts ``but_at`` or go on in a stage of ``but_in``.
        """
        if not but_at and not but_in:
            return await self._find(f"WHERE {self._line(JobState.QUEUED)} LIMIT ?", limit, of=self._queue)
        condition = (
            f"WHERE told = 0 AND state = 'queued' AND {_ELSEWHERE} AND {_OTHERWISE}{self._theirs} "
            "ORDER BY place, id LIMIT ?"
        )
        found = await self._find(condition, json.dumps(but_at), json.dumps(but_in), limit, of=self._queue)
        if not but_at:
            return found
        return sorted(found + await self.ready(limit, but_in), key=lambda job: (job.turn, job.id))

    async def ready(self, limit: int, but_in: Sequence[Stage] = ()) -> list[Job]:
        """Up to ``limit`` jobs that may start and have their file already, those whose turn it is first."""
        theirs = "" if self._person is None else f" AND +person = {self._person:d}"
        condition = f"WHERE {_READY} AND {_OTHERWISE}{theirs} ORDER BY turn, id LIMIT ?"
        return await self._find(condition, json.dumps(but_in), limit)

    async def put_off(self, hold: Hold, key: Key | None = None) -> None:
        """Let all queued jobs wait, or those of one chat or host."""
        where = "told = 0 AND state = 'queued'" + (f" AND {_COLUMN_OF[key[0]]} = ?" if key else "")
        async with self._store.write() as db:
            await db.run(
                f"UPDATE jobs SET state = 'waiting', not_before = ?, reason = ? WHERE {where}",  # noqa: S608
                (hold.until, storable(hold.reason), *(key[1:] if key else ())),
            )

    async def bring_back(self, hold: Hold, key: Key | None = None) -> None:
        """Queue the jobs, or those of one chat or host, that wait for just this; paused ones need not wait later."""
        shared = f"reason = ? AND {_COLUMN_OF[key[0]]} = ?" if key else "reason = ?"
        values = (hold.until, storable(hold.reason), *(key[1:] if key else ()))
        async with self._store.write() as db:
            for state, kept in (("waiting", "place"), ("paused", "not_before")):
                where = f"told = 0 AND state = '{state}' AND {kept} = ? AND {shared}"
                new = "'queued'" if state == "waiting" else "state"
                await db.run(f"UPDATE jobs SET state = {new}, not_before = 0, reason = '' WHERE {where}", values)  # noqa: S608

    async def sooner(self, seconds: float, now: float, but: str) -> None:
        """Have waits beyond ``now`` end so many seconds sooner, but for those whose reason begins with ``but``.

        Paused jobs need not wait later than that either.
        """
        sql = (
            "UPDATE jobs SET not_before = not_before - ? "
            "WHERE told = 0 AND state IN ('waiting', 'paused') AND not_before > ? AND substr(reason, 1, ?) <> ?"
        )
        async with self._store.write() as db:
            await db.run(sql, (seconds, now, len(but), but))

    async def wake(self, now: float) -> None:
        """Queue the jobs that have waited until the time ``now`` or an earlier one."""
        due = "told = 0 AND state = 'waiting' AND place <= ?"
        async with self._store.write() as db:
            await db.run(f"UPDATE jobs SET state = 'queued', not_before = 0, reason = '' WHERE {due}", (now,))  # noqa: S608

    async def counts(self) -> dict[JobState, int]:
        """How many jobs are in each of the states that are not final, in the order of the queue."""
        sql = f"SELECT state, sum(jobs) FROM job_counts WHERE {LIVE} GROUP BY state"  # noqa: S608
        if self._theirs:
            where = f"told = 0 AND {LIVE}{self._theirs}"
            sql = f"SELECT state, count(*) FROM {self._queue} WHERE {where} GROUP BY state"  # noqa: S608
        found: dict[str, int] = dict(await self._store.read(sql))
        return {state: found.get(state.value, 0) for state in _LINE}

    async def line(self, offset: int, limit: int) -> list[Job]:
        """Up to ``limit`` jobs of the queue from place ``offset`` on: running, queued, waiting, paused.

        SQLite passes over the places before them within the index alone.
        """
        found: list[Job] = []
        for state, count in (await self.counts()).items():
            skipped = min(offset, count)
            offset -= skipped
            if len(found) < limit and skipped < count:
                where = f"WHERE {self._line(state)} LIMIT ? OFFSET ?"
                found += await self._find(where, limit - len(found), skipped, of=self._queue)
        return found

    async def counts_in(self, chat_id: int) -> dict[JobState, int]:
        """How many jobs of one chat are in each of the states queued, running and waiting, if any are."""
        moving = "state IN ('queued', 'running', 'waiting') AND chat_id = ? AND jobs > 0"
        rows = await self._store.read(f"SELECT state, jobs FROM job_counts WHERE {moving}", (chat_id,))  # noqa: S608
        return {JobState(state): count for state, count in rows}

    async def waiting_in(self, chat_id: int, limit: int) -> list[Job]:
        """Up to ``limit`` waiting jobs of one chat, those that are due first at the head."""
        condition = "WHERE told = 0 AND state = 'waiting' AND chat_id = ? ORDER BY place, id LIMIT ?"
        return await self._find(condition, chat_id, limit)

    async def numbers(self, *states: JobState) -> list[int]:
        """The numbers of the jobs in some of the states that are not final, in the order of the queue."""
        found: list[int] = []
        for state in states:
            rows = await self._store.read(f"SELECT id FROM {self._queue} WHERE {self._line(state)}")  # noqa: S608
            found += [row[0] for row in rows]
        return found

    async def unsuccessful(self, numbers: Sequence[int]) -> list[int]:
        """Those of the numbers whose jobs have failed or were cancelled."""
        rows = await self._store.read(
            "SELECT id FROM jobs WHERE id IN (SELECT value FROM json_each(?)) "  # noqa: S608
            f"AND state IN ('failed', 'cancelled'){self._theirs}",
            (json.dumps(numbers),),
        )
        return [row[0] for row in rows]

    async def failed(self, since: float) -> list[int]:
        """The numbers of the jobs that have failed since then, in the order in which they did."""
        rows = await self._store.read(
            f"SELECT id FROM jobs WHERE state = 'failed' AND ended >= ?{self._theirs} ORDER BY ended, id",  # noqa: S608
            (since,),
        )
        return [row[0] for row in rows]

    async def recent(self, limit: int, before_id: int | None = None) -> list[Job]:
        """The newest jobs, the newest first; with ``before_id`` those that are older than it."""
        before = 2**63 - 1 if before_id is None else before_id
        table = "jobs INDEXED BY jobs_of_person" if self._person else "jobs"
        return await self._find(f"WHERE id < ?{self._theirs} ORDER BY id DESC LIMIT ?", before, limit, of=table)

    async def untold(self) -> list[Job]:
        """The jobs that have ended without the owner having been told, the oldest first."""
        found = await self._find(f"WHERE told = 0 AND {_ENDED}")
        return sorted(found, key=lambda job: job.id)

    async def of_message(self, chat_id: int, message_id: int) -> list[Job]:
        """The jobs that one command message gave, in the order of its links."""
        return await self._find("WHERE chat_id = ? AND message_id = ? ORDER BY ordinal", chat_id, message_id)

    async def mark_told(self, job_ids: Sequence[int]) -> None:
        """Note that the owner has been told how these jobs ended; those that were queued anew since are left alone."""
        if not job_ids:
            return
        sql = f"UPDATE jobs SET told = 1 WHERE id IN (SELECT value FROM json_each(?)) AND {_ENDED}"  # noqa: S608
        async with self._store.write() as db:
            await db.run(sql, (json.dumps(job_ids),))

    async def next_due(self) -> float | None:
        """The earliest time at which a waiting job may go on, or None when none is waiting."""
        row = await self._store.read_one(f"SELECT place FROM jobs WHERE {_LINE[JobState.WAITING]} LIMIT 1")  # noqa: S608
        return row[0] if row else None

    def _line(self, state: JobState) -> str:
        """How the queue of those that are looked for reads, of one state."""
        return _LINE[state].replace(" ORDER BY", f"{self._theirs} ORDER BY")

    async def queueing(self) -> set[int]:
        """The people who have queued jobs."""
        rows = await self._store.read(_QUEUEING)
        return {row[0] for row in rows}

    async def _find(self, condition: str, *params: float | str, of: str = "jobs") -> list[Job]:
        return [_decode(row) for row in await self._store.read(f"SELECT {_COLUMNS} FROM {of} {condition}", params)]  # noqa: S608


async def add_one(
    db: Transaction, order: Order, chat_id: int, message_id: int, ordinal: int, now: float, priority: Priority
) -> Job:
    """Queue one order of a message within a transaction; the job that there is already for its place is returned."""
    where = f"{_SELECT} WHERE chat_id = ? AND message_id = ? AND ordinal = ?"
    rows = await db.run(where, (chat_id, message_id, ordinal))
    if not rows:
        fresh = Job(0, JobState.QUEUED, order, chat_id, message_id, now, priority=priority)
        await db.run(_INSERT, _row(fresh, ordinal, await turns.arrival(db, now)))
        rows = await db.run(where, (chat_id, message_id, ordinal))
    return _decode(rows[0])


async def _save(db: Transaction, job: Job) -> None:
    values = dict(zip(_CHANGING, _encode(job), strict=True))
    free, indexed = [values[name] for name in _FREE], [values[name] for name in _INDEXED]
    if await db.run(_UPDATE_FREE, (*free, job.id, *indexed)):
        return
    if not await db.run(_UPDATE, (*values.values(), job.id)):
        raise LookupError(f"there is no job {job.id}")


def _row(job: Job, ordinal: int, arrival: int) -> Row:
    """The values of a job that is new."""
    return (
        job.chat_id,
        job.message_id,
        ordinal,
        job.created,
        job.priority,
        arrival,
        arrival - turns.AHEAD[job.priority],
        job.order.host,
        job.order.person,
        *_encode(job),
    )


def _encode(job: Job) -> Row:
    """The values of the columns in _CHANGING. Secrets are not kept any longer than the job goes on."""
    order = job.order.without_secrets() if job.state.ended else job.order
    return (
        job.state.value,
        job.stage.value,
        order_text(order),
        job.attempts,
        job.not_before,
        storable(job.reason),
        storable(job.title),
        job.size,
        job.post_id,
        job.ended,
        job.told,
        files_text(job.files),
        laps_text(job.laps),
        json.dumps(astuple(job.moved), separators=(",", ":")),
    )


def order_text(order: Order) -> str:
    """An order as JSON; what is the rule is left out, since the row is written at each stage."""
    return json.dumps(differing(order))


def order_from(text: str) -> Order:
    """The order that `order_text` has written."""
    return Order(**json.loads(text))


def _decode(row: Row) -> Job:
    (number, chat_id, message_id, created, priority, turn, state, stage, order, attempts, not_before, reason, title,
     size, post_id, ended, told, files, laps, moved) = row  # fmt: skip
    return Job(
        id=number,
        state=JobState(state),
        order=order_from(order),
        chat_id=chat_id,
        message_id=message_id,
        created=created,
        priority=Priority(priority),
        turn=turn,
        stage=Stage(stage),
        attempts=attempts,
        not_before=not_before,
        reason=reason,
        title=title,
        size=size,
        post_id=post_id,
        ended=ended,
        told=bool(told),
        files=files_of(files),
        laps=laps_of(laps),
        moved=Moved(*json.loads(moved)),
    )
