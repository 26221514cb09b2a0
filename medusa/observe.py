"""Sets up the log: readable lines on standard error, with every known secret blotted out."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

_BLOT = "[secret]"
SHORTEST_SECRET = 6
"""Characters below which a secret is not looked for: blotting out ``1`` would make the log unreadable."""


class Redactor:
    """Blots out secrets in finished log lines, wherever they stand."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({s for s in secrets if len(s) >= SHORTEST_SECRET}, key=len, reverse=True)

    def __call__(self, _logger: Any, _method: str, line: Any) -> str:
        return self.clean(str(line))

    def clean(self, text: str) -> str:
        """``text`` without the secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _BLOT)
        return text


def set_up(level: str, secrets: Iterable[str] = ()) -> None:
    """Send the log of Medusa and of its libraries to standard error, from ``level`` on (libraries from WARNING on)."""
    redact = Redactor(secrets)
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
                redact,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("medusa").setLevel(level)
