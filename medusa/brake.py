"""Slows down whoever guesses, or asks too much."""

from collections import OrderedDict

MOST_NAMES = 1000
"""Names that are remembered at once; the one heard of least lately is forgotten first."""


class Brake:
    """Counts failures by name. Times are seconds of any clock; what is to come, since it was set back, counts as never.

    After each failure the next try has to wait, first ``step`` seconds, then twice as long each time; after ``most``
    of them within ``window`` seconds, until the first of these is older than that.
    """

    def __init__(self, most: int, window: float, step: float = 0.0) -> None:
        self._most = most
        self._window = window
        self._step = step
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, name: str, now: float) -> float:
        """Seconds until the name may try again; 0 when it may at once."""
        times = [at for at in self._failures.get(name, ()) if now - self._window < at <= now]
        if not times:
            return 0.0
        if len(times) >= self._most:
            return times[-self._most] + self._window - now
        return max(0.0, times[-1] + self._step * float(1 << (len(times) - 1)) - now)

    def failed(self, name: str, now: float) -> None:
        """Count one more failure."""
        times = self._failures.setdefault(name, [])
        self._failures.move_to_end(name)
        times[:] = [*times[1 - self._most :], now] if self._most > 1 else [now]
        if len(self._failures) > MOST_NAMES:
            self._failures.popitem(last=False)

    def forgive(self, name: str) -> None:
        """Take back the last failure: it was none."""
        if times := self._failures.get(name):
            times.pop()

    def forget(self, name: str) -> None:
        """Begin anew with a name."""
        self._failures.pop(name, None)
