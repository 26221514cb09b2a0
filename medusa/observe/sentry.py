"""Reports errors inside Medusa to the owner's Sentry: kinds and places, and nobody's words."""

import logging
import sys
from types import TracebackType
from typing import Any

import structlog

from medusa import observe

log = structlog.get_logger()

_KEPT = ("event_id", "timestamp", "level", "platform", "release", "logger", "message", "exception", "tags", "contexts")
_FRAME = ("filename", "module", "function", "lineno", "in_app")
_FLUSH = 2.0
"""Seconds that the end of the process waits for reports that are under way."""


class Reports(logging.Handler):
    """Reports what is logged as an error; ``close`` waits a little for what is under way."""

    def __init__(self, dsn: str, release: str) -> None:
        import sentry_sdk

        super().__init__(logging.ERROR)
        self._sdk = sentry_sdk
        self._client = sentry_sdk.Client(
            dsn,
            release=f"medusa@{release}",
            server_name="",
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            auto_session_tracking=False,
            shutdown_timeout=_FLUSH,
            before_send=lambda event, _hint: _scrubbed(event),
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Report a line. What is not Medusa's own, such as a library's words, is named by its logger alone."""
        facts = record.msg if isinstance(record.msg, dict) else {}
        event: Any = {
            "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
            "logger": record.name,
            "message": str(facts.get("event", record.name)),
            "tags": {"job": str(facts["job"])} if isinstance(facts.get("job"), int) else {},
        }
        error = _error_of(facts.get("exc_info") or record.exc_info)
        if error is not None:
            found, _hint = self._sdk.utils.event_from_exception(error, client_options=self._client.options)
            event["exception"] = found["exception"]
        self._client.capture_event(event)

    def close(self) -> None:
        """Send what is left."""
        self._client.close(timeout=_FLUSH)
        super().close()


def report_errors(dsn: str, release: str) -> None:
    """Have errors reported from now on, until logging ends with the process; in vain when the package is missing."""
    try:
        logging.getLogger().addHandler(Reports(dsn, release))
    except ImportError:
        log.warning("sentry.missing", advice="pip install --require-hashes -r requirements/sentry.lock")
    except ValueError:
        log.warning("sentry.no_dsn", advice="MEDUSA_SENTRY_DSN is not understood")


Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def _error_of(told: Any) -> Raised | None:
    """What was raised, of any form in which logging takes it."""
    if isinstance(told, BaseException):
        return type(told), told, told.__traceback__
    if told is True:
        told = sys.exc_info()
    return told if isinstance(told, tuple) and told[0] is not None else None


def _scrubbed(event: Any) -> Any:
    """The event with nothing in it but kinds, places and Medusa's own words: a title may stand in any other."""
    kept = {name: event[name] for name in _KEPT if name in event}
    kept["contexts"] = {name: value for name, value in event.get("contexts", {}).items() if name == "runtime"}
    kept["message"] = observe.clean(str(event.get("message", "")))
    chain = event.get("exception", {}).get("values", [])
    kept["exception"] = {"values": [{"type": one.get("type"), "stacktrace": _places(one)} for one in chain]}
    return kept


def _places(one: dict[str, Any]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames", [])
    return {"frames": [{name: frame[name] for name in _FRAME if name in frame} for frame in frames]}
