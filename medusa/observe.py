"""Sets up the log: readable lines on standard error, with every known secret blotted out."""

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

import structlog

_BLOT = "[secret]"
SHORTEST_SECRET = 6
"""Characters below which a secret is not looked for: blotting out ``1`` would make the log unreadable."""
_CUT = re.compile(r"(?:…|\.[A-Za-z0-9]{1,10})+\Z")
"""What stands behind a text that was cut: an ellipsis, the ending of a file's name."""
_MOST_BEHIND = 12


class Redactor:
    """Blots out secrets in finished texts, wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._by_start: dict[str, list[str]] = {}
        self.add(secrets)

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        return self.clean(str(line))

    def add(self, secrets: Iterable[str]) -> None:
        """Blot out these, too."""
        for secret in secrets:
            alike = self._by_start.setdefault(secret[:SHORTEST_SECRET], []) if len(secret) >= SHORTEST_SECRET else []
            if secret not in alike:
                alike.append(secret)
                alike.sort(key=len, reverse=True)

    def clean(self, text: str) -> str:
        """``text`` without the secrets, and without the beginning of one at its end, where it may have been cut.

        The time that it takes does not grow with the number of secrets.
        """
        pieces, done, at = [], 0, 0
        while self._by_start and at <= len(text) - SHORTEST_SECRET:
            end = self._end(text, at)
            if end > at:
                pieces += [text[done:at], _BLOT]
                done = end
            at = max(end, at + 1)
        return "".join([*pieces, text[done:]])

    def _end(self, text: str, at: int) -> int:
        """Where the secret ends that begins here; ``at`` when none does."""
        for secret in self._by_start.get(text[at : at + SHORTEST_SECRET], ()):
            if text.startswith(secret, at):
                return at + len(secret)
            if len(text) - at < len(secret) + _MOST_BEHIND:
                rest = _CUT.sub("", text[at:])
                if len(rest) >= SHORTEST_SECRET and secret.startswith(rest):
                    return at + len(rest)
        return at


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
