"""Sets up the log: on standard error, in a file of bounded size, and in memory, nowhere with a secret in it."""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import structlog

from medusa import observe
from medusa.observe.lines import lines
from medusa.observe.metrics import LOG_LINES

Format = Literal["console", "json"]
FILE = "medusa.log"
FILE_BYTES = 2_000_000
OLDER_FILES = 3
"""Files of `FILE_BYTES` that are kept beside the one that is written."""

log = structlog.get_logger()


def set_up(level: str, secrets: Iterable[str] = (), style: Format = "console") -> None:
    """Send the log of Medusa and of its libraries to standard error, from ``level`` on (libraries from WARNING on)."""
    observe.hide(secrets)
    structlog.configure(
        processors=[*_shared(), structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(_formatter(style, colours=sys.stderr.isatty()))
    memory = _Memory()
    memory.setFormatter(_formatter("console"))
    root = logging.getLogger()
    root.handlers[:] = [screen, memory]
    root.setLevel(logging.WARNING)
    logging.getLogger("medusa").setLevel(level)


def log_crashes() -> None:
    """Have what ends the process, or one of its threads, logged, since a bare traceback may show a secret."""

    def crashed(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None or issubclass(kind, KeyboardInterrupt):
            return sys.__excepthook__(kind, error or kind(), trace)
        log.critical("medusa.crashed", exc_info=(kind, error, trace))
        return None

    sys.excepthook = crashed
    threading.excepthook = lambda args: crashed(args.exc_type, args.exc_value, args.exc_traceback)


@contextmanager
def kept(folder: Path, style: Format) -> Iterator[None]:
    """Write the log into a file of ``folder``, too, which only its owner may read, while the block runs.

    A folder that can't be written is no reason to stop: that is said in the log itself.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = _File(folder / FILE, maxBytes=FILE_BYTES, backupCount=OLDER_FILES, encoding="utf-8")
    except OSError as error:
        log.warning("log.no_file", cause=error.strerror)
        yield
        return
    file.setFormatter(_formatter(style))
    root = logging.getLogger()
    root.addHandler(file)
    try:
        yield
    finally:
        root.removeHandler(file)
        file.close()


def files(folder: Path) -> list[Path]:
    """The files of the log in ``folder``, the oldest first."""
    older = [folder / f"{FILE}.{number}" for number in range(OLDER_FILES, 0, -1)]
    return [path for path in (*older, folder / FILE) if path.is_file()]


class _Memory(logging.Handler):
    """Keeps the latest lines, and counts all."""

    def emit(self, record: logging.LogRecord) -> None:
        # What was logged through structlog is a mapping, with what is bound to the context in it.
        facts = record.msg if isinstance(record.msg, dict) else structlog.contextvars.get_contextvars()
        job = facts.get("job")
        lines.add(record.created, record.levelno, job if isinstance(job, int) else None, self.format(record))
        LOG_LINES.labels(record.levelname.lower()).inc()


class _File(RotatingFileHandler):
    """A file with mode 0600. What can't be written, since the disk is full, is not: it stands on standard error."""

    def _open(self) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags | os.O_CLOEXEC, 0o600)

        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the name that logging gives it)
        """Let the line go."""


def _shared() -> list[Callable[..., Any]]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
    ]


def _formatter(style: Format, *, colours: bool = False) -> logging.Formatter:
    if style == "json":
        show: Any = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    else:
        show = structlog.dev.ConsoleRenderer(
            colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _blot_values,
            show,
            _blot_line,
        ],
    )


def _blot_values(_logger: Any, _method: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Blot secrets out before their quotes and line breaks are written otherwise, which would hide them."""
    return {name: observe.clean(value) if isinstance(value, str) else value for name, value in event.items()}


def _blot_line(_logger: Any, _method: str, line: Any) -> str:
    return observe.clean(str(line))
