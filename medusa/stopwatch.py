"""Measures how long a job spends in a stage, and how fast it moves bytes there."""

import time

from medusa.model import Lap, Progress, Stage
from medusa.observe.metrics import SPEED, STAGE_SECONDS

MOST_LAPS = 40
"""Laps of a job that are kept: those of a few tries, in a kilobyte or two."""
_WORTH_IT = 0.05
"""Seconds below which a speed says more of chance than of the network."""
_DIRECTION = {Stage.FETCH: "down", Stage.STREAM: "up", Stage.UPLOAD: "up"}


class Stopwatch:
    """One stage of one run, from now on."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._began, self._from = time.time(), time.monotonic()
        self._first: Progress | None = None
        self._last = Progress()

    def moved(self, progress: Progress) -> None:
        """Hear how far it is; what the first report says was there before."""
        if not progress.playing:
            self._first = self._first or progress
            self._last = progress

    def stop(self) -> Lap:
        """End it; returns what it was."""
        seconds = time.monotonic() - self._from
        STAGE_SECONDS.labels(self._stage).observe(seconds)
        moved = self._last.done - (self._first or self._last).done
        if self._stage in _DIRECTION and moved > 0 and seconds > _WORTH_IT:
            SPEED.labels(_DIRECTION[self._stage]).observe(moved / seconds)
        return Lap(self._stage, round(self._began, 3), round(seconds, 3))
