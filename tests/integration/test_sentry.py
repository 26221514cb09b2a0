"""Sentry hears of errors inside Medusa: what and where, and nothing that anybody has written."""

import gzip
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import structlog

from medusa import observe
from medusa.observe.logs import set_up
from medusa.observe.sentry import Reports

TITLE, SECRET = "A film of nobody's business", "the-owners-secret"


class Sentry(HTTPServer):
    """Takes envelopes as Sentry does (https://develop.sentry.dev/sdk/data-model/envelopes/)."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.events: list[dict[str, Any]] = []
        self.raw = b""

    @property
    def dsn(self) -> str:
        return f"http://key@127.0.0.1:{self.server_port}/1"


class _Taking(BaseHTTPRequestHandler):
    server: Sentry

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        raw = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
        lines = raw.splitlines()
        self.server.raw += raw
        self.server.events += [json.loads(lines[2])] if json.loads(lines[1])["type"] == "event" else []
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    root, own = logging.getLogger(), logging.getLogger("medusa")
    before = root.handlers[:], root.level, own.level
    with Sentry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        set_up("INFO", [SECRET])
        structlog.configure(cache_logger_on_first_use=False)
        yield server
        server.shutdown()
        thread.join()
    root.handlers[:], root.level = before[:2]
    own.setLevel(before[2])
    structlog.reset_defaults()


def fail(title: str) -> None:
    """Fail with a stranger's words in the error and in the variables."""
    try:
        raise ValueError(f"{title} {SECRET} https://example.org/watch")
    except ValueError as error:
        raise RuntimeError(title) from error


def test_an_error_is_reported_without_a_word_of_it(sentry: Sentry) -> None:
    reports = Reports(sentry.dsn, "1.2.3")
    logging.getLogger().addHandler(reports)
    log = structlog.get_logger("medusa.x")
    log.warning("not.worth_it", title=TITLE)
    try:
        fail(TITLE)
    except RuntimeError:
        log.exception("job.broken", job=7, title=TITLE)
    log.error(f"said {SECRET}")
    logging.getLogger("telethon").error("Foreign words: %s", TITLE)
    reports.close()
    first, second, third = sentry.events
    assert (first["message"], first["tags"], first["release"]) == ("job.broken", {"job": "7"}, "medusa@1.2.3")
    assert [one["type"] for one in first["exception"]["values"]] == ["ValueError", "RuntimeError"]
    frames = first["exception"]["values"][1]["stacktrace"]["frames"]
    assert [frame["function"] for frame in frames] == ["test_an_error_is_reported_without_a_word_of_it", "fail"]
    assert frames[0]["lineno"] > 0
    assert second["message"] == "said [secret]"
    assert third["message"] == "telethon"
    for word in (TITLE, SECRET, "example.org", "Foreign", "vars", "pre_context", "context_line", "abs_path"):
        assert word.encode() not in sentry.raw, word


def test_what_is_learnt_later_is_hidden_too(sentry: Sentry) -> None:
    reports = Reports(sentry.dsn, "1")
    logging.getLogger().addHandler(reports)
    observe.hide(["learnt-meanwhile"])
    structlog.get_logger("medusa.x").error("event of learnt-meanwhile")
    reports.close()
    assert [event["message"] for event in sentry.events] == ["event of [secret]"]


def test_medusa_runs_without_the_package() -> None:
    code = (
        "import sys; sys.modules['sentry_sdk'] = None\n"
        "from medusa.observe import logs, sentry\n"
        "logs.set_up('INFO'); sentry.report_errors('http://k@localhost:1/1', '1')\n"
        "print(len(logs.logging.root.handlers))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "sentry.missing" in done.stderr
    assert done.stdout == "2\n"
