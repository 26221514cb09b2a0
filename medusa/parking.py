"""Remembers which chats and hosts are in trouble, so that jobs need not find out one by one."""

from dataclasses import replace

from medusa.errors import Scope
from medusa.model import Hold, Job

Key = tuple[Scope, int | str]
"""A chat, by its marked id, or a host, by its name."""


_MOST = 16
"""Holds of one chat or host that are remembered, the latest of them."""


class Parking:
    """The chats and hosts that are left alone, and until when."""

    def __init__(self) -> None:
        self._holds: dict[Key, list[Hold]] = {}
        """Several jobs may find out at the same time, and others wait for what each of them has found."""

    def park(self, job: Job, scope: Scope, hold: Hold) -> None:
        """Leave alone what a job's trouble of this scope meets; a trouble of the job itself meets nobody else."""
        for key in (key for key in _keys(job) if key[0] is scope):
            self._holds[key] = [*self._holds.get(key, [])[1 - _MOST :], hold]

    def of(self, job: Job, now: float) -> tuple[Hold, Key] | None:
        """Why a job had better not start at Unix time ``now``, and with whom it shares that."""
        holds = ((self._holds[key][-1], key) for key in _keys(job) if key in self._holds)
        return next(((hold, key) for hold, key in holds if hold.until > now), None)

    def clear(self, job: Job) -> list[tuple[Hold, Key]]:
        """Forget the troubles of a job's chat and host; returns what they were."""
        return [(hold, key) for key in _keys(job) for hold in self._holds.pop(key, [])]

    def sooner(self, seconds: float) -> None:
        """Have all troubles end so many seconds sooner."""
        for key, holds in self._holds.items():
            self._holds[key] = [replace(hold, until=hold.until - seconds) for hold in holds]


def _keys(job: Job) -> list[Key]:
    keys: list[Key] = [(Scope.CHAT, job.spots[0].chat_id)]
    return [*keys, (Scope.HOST, job.order.host)] if job.order.host else keys
