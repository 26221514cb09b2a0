"""Decides how many parts may be under way at once and over how many connections, like a congestion control."""

from dataclasses import dataclass, field

GIB = 1 << 30
MOST_PATIENCE = 8.0
"""Seconds that a request may take before it counts as too slow, Telegram Desktop's number."""
_GROWS_BELOW = 2.0
"""Requests may take this many times as long as the quickest before the parts are taken for queued, not travelling …"""
_JITTER = 0.03
"""… and this many seconds on top, which any machine needs for itself."""
_CALM = 1.0
"""Seconds within which several signs of trouble count as one."""
_EACH = 2
"""Parts per connection before another connection is opened: one travels while the other is answered."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most connections, the most parts under way on each, and the parts to begin with."""

    lanes: int
    each: int
    start: int


def ceiling(memory: int, *, premium: bool) -> Ceiling:
    """What a machine with ``memory`` bytes may use, for an account with or without Premium.

    TDLib keeps 4 MB under way over 4 connections, 8 for Premium (https://github.com/tdlib/td); official clients go up
    to 8 (https://core.telegram.org/api/files#uploading-files).
    """
    if memory < 1.5 * GIB:
        return Ceiling(lanes=4, each=2, start=2)
    if memory < 3 * GIB:
        return Ceiling(lanes=6, each=3, start=4)
    return Ceiling(lanes=8, each=4, start=16 if premium else 12)


@dataclass(slots=True)
class Pace:
    """The window of parts under way; it grows while request times stay near the quickest and halves in trouble."""

    ceiling: Ceiling
    size: float = field(init=False)
    threshold: float = field(init=False)
    """Up to here the window doubles each round trip, beyond it grows by one."""
    quickest: float = field(init=False, default=float("inf"))
    smoothed: float = field(init=False, default=0.0)
    _troubled_until: float = field(init=False, default=float("-inf"))

    def __post_init__(self) -> None:
        self.size = float(self.ceiling.start)
        self.threshold = float(self._most)

    @property
    def _most(self) -> int:
        return self.ceiling.lanes * self.ceiling.each

    @property
    def window(self) -> int:
        """How many parts may be under way."""
        return int(self.size)

    @property
    def lanes(self) -> int:
        """How many connections the window is spread over."""
        return min(self.ceiling.lanes, -(-self.window // _EACH))

    def answered(self, seconds: float, now: float) -> None:
        """A whole part was answered after ``seconds``, at time ``now``."""
        self.quickest = min(self.quickest, seconds)
        self.smoothed = seconds if not self.smoothed else 0.75 * self.smoothed + 0.25 * seconds
        if self.smoothed >= MOST_PATIENCE:
            self.troubled(now)
        elif now < self._troubled_until or self.smoothed > _GROWS_BELOW * self.quickest + _JITTER:
            return
        elif self.size < self.threshold:
            self.size = min(self.size + 1, self.threshold)
        else:
            self.size = min(self.size + 1 / self.size, float(self._most))

    def troubled(self, now: float, lasting: float = 0.0) -> None:
        """A flood wait of ``lasting`` seconds, a time-out, a refused or broken connection: halve, once per trouble."""
        if now < self._troubled_until:
            return
        self._troubled_until = now + lasting + _CALM
        self.threshold = max(1.0, self.size / 2)
        self.size = self.threshold
        self.smoothed = 0.0
