"""Says whose turn it is in the queue: what a job's turn follows from, and how it trades it with others."""

from enum import StrEnum

from medusa.model import Priority
from medusa.storage.store import Row, Transaction

_DAY = 86_400_000
AHEAD = {Priority.HIGH: _DAY, Priority.NORMAL: 0, Priority.LOW: -_DAY}
"""Milliseconds by which a job's turn comes before that of a normal one of the same time."""


class Place(StrEnum):
    """Where in the queue to move a job."""

    TOP = "top"
    UP = "up"
    DOWN = "down"
    BOTTOM = "bottom"


_NEXT_TO = {
    Place.TOP: "told = 0 AND state = 'queued' ORDER BY place, id LIMIT 1",
    Place.UP: "told = 0 AND state = 'queued' AND (place, id) < (?, ?) ORDER BY place DESC, id DESC LIMIT 1",
    Place.DOWN: "told = 0 AND state = 'queued' AND (place, id) > (?, ?) ORDER BY place, id LIMIT 1",
    Place.BOTTOM: "told = 0 AND state = 'queued' ORDER BY place DESC, id DESC LIMIT 1",
}
"""Which job decides about the new turn of the one that moves, given its old turn and number."""


async def arrival(db: Transaction, now: float) -> int:
    """The arrival of whatever comes next: later than all before it, even when the clock was set back."""
    newest = await db.run("SELECT arrival FROM jobs WHERE id = (SELECT max(id) FROM jobs)")
    return max(int(now * 1000), newest[0][0] + 1 if newest else 0)


async def move(db: Transaction, job_id: int, place: Place) -> None:
    """Move a job to another place among those that are queued; one that is not queued stays where it is."""
    mine = await db.run("SELECT turn, id FROM jobs WHERE id = ? AND state = 'queued'", (job_id,))
    if not mine:
        return
    around = place in (Place.UP, Place.DOWN)
    other = await db.run(f"SELECT turn, id FROM jobs WHERE {_NEXT_TO[place]}", mine[0] if around else ())  # noqa: S608
    if other and other != mine:
        await _trade(db, mine[0], other[0], place)


async def _trade(db: Transaction, mine: Row, other: Row, place: Place) -> None:
    """Trade turns with a neighbour, or take one beyond the first or last job, or beyond a neighbour of equal turn."""
    step = -1 if place in (Place.TOP, Place.UP) else 1
    found = [(other[0], mine[1]), (mine[0], other[1])]
    if place in (Place.TOP, Place.BOTTOM) or mine[0] == other[0]:
        found = [(other[0] + step, mine[1])]
    await db.many("UPDATE jobs SET turn = ? WHERE id = ?", found)
