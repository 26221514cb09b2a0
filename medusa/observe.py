"""Sets up the log: readable lines on standard error, with every known secret blotted out."""

import logging
import re
import sys
from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import structlog

_BLOT = "[secret]"
SHORTEST_SECRET = 6
"""Characters below which a secret is not looked for: blotting out ``1`` would make the log unreadable."""
_CUT = re.compile(r"(?:…|\.[A-Za-z0-9]{1,10})+\Z")
"""What stands behind a text that was cut: an ellipsis, the ending of a file's name."""
_LONGEST_TAIL = 40
"""Characters at the end of a text in which that is looked for."""


class Redactor:
    """Blots out secrets in finished texts, wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._all: set[str] = set()
        self._alike: dict[str, list[str]] = {}
        """Those that begin alike, in alphabetical order."""
        self._lengths: dict[str, list[int]] = {}
        """How long those can be, the longest first."""
        self.add(secrets)

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        return self.clean(str(line))

    def add(self, secrets: Iterable[str]) -> None:
        """Blot out these, too."""
        new = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET} - self._all
        self._all |= new
        for secret in new:
            self._alike.setdefault(secret[:SHORTEST_SECRET], []).append(secret)
        for start in {secret[:SHORTEST_SECRET] for secret in new}:
            self._alike[start].sort()
            self._lengths[start] = sorted(set(map(len, self._alike[start])), reverse=True)

    def clean(self, text: str) -> str:
        """``text`` without the secrets, and without the beginning of one at its end, where it may have been cut.

        The time that it takes does not grow with the number of secrets.
        """
        if not self._all:
            return text
        tail = text[-_LONGEST_TAIL:]
        end = len(text) - len(tail) + len(_CUT.sub("", tail))
        pieces, done, at = [], 0, 0
        while at <= len(text) - SHORTEST_SECRET:
            behind = self._behind(text, at, end)
            if behind > at:
                pieces += [text[done:at], _BLOT]
                done = behind
            at = max(behind, at + 1)
        return "".join([*pieces, text[done:]])

    def _behind(self, text: str, at: int, end: int) -> int:
        """Where the secret ends that begins here, by ``end`` at the latest if it was cut there; ``at`` for none."""
        start = text[at : at + SHORTEST_SECRET]
        lengths = self._lengths.get(start)
        if lengths is None:
            return at
        for length in lengths:
            if text[at : at + length] in self._all:
                return at + length
        alike, rest = self._alike[start], text[at:end]
        place = bisect_left(alike, rest) if SHORTEST_SECRET <= len(rest) <= lengths[0] else len(alike)
        return end if place < len(alike) and alike[place].startswith(rest) else at


_known = Redactor()


def hide(secrets: Iterable[str]) -> None:
    """Blot out these from now on: in the log, and in every text that `clean` is given."""
    _known.add(secrets)


def clean(text: str) -> str:
    """``text`` without any secret that is known."""
    return _known.clean(text)


def set_up(level: str, secrets: Iterable[str] = ()) -> None:
    """Send the log of Medusa and of its libraries to standard error, from ``level`` on (libraries from WARNING on)."""
    hide(secrets)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=0),
                _known,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("medusa").setLevel(level)
