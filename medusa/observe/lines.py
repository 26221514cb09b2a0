"""Keeps the latest lines of the log in memory, for the owner to look at."""

import logging
from collections import deque
from dataclasses import dataclass, replace

from medusa import observe

MOST_LINES = 1000
LONGEST_LINE = 1000
"""Characters; together with `MOST_LINES` this bounds what the lines take to a megabyte or so."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log: its Unix time, its level (of the module ``logging``), the job that it is about, its text.

    The text holds no secret that is known.
    """

    at: float
    level: int
    job: int | None
    text: str


class Lines:
    """The latest lines, the oldest first."""

    def __init__(self) -> None:
        self._lines: deque[LogLine] = deque(maxlen=MOST_LINES)

    def add(self, at: float, level: int, job: int | None, text: str) -> None:
        """Take a line in, in the place of the oldest one when there are too many."""
        short = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
        self._lines.append(LogLine(at, level, job, short))

    def clear(self) -> None:
        """Forget all lines."""
        self._lines.clear()

    def find(self, *, limit: int, level: int = logging.NOTSET, job: int | None = None, text: str = "") -> list[LogLine]:
        """The latest ``limit`` lines, the oldest of them first, which are what is asked for.

        They are of ``level`` or worse, about ``job`` if one is named, and have ``text`` in them whatever its case. What
        secrets were learnt of after a line was written is blotted out now.
        """
        wanted, found = text.casefold(), list[LogLine]()
        for line in reversed(self._lines):
            if len(found) >= limit:
                break
            if line.level >= level and job in (None, line.job) and wanted in line.text.casefold():
                found.append(line)
        return [replace(line, text=observe.clean(line.text)) for line in reversed(found)]


lines = Lines()
"""The lines of this process."""
