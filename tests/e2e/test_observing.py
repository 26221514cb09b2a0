"""What an operator sees: the log by message and job, health, metrics and traces, and no secret in any of it."""

import asyncio
import json
import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
import structlog
from aiohttp import ClientSession
from prometheus_client.parser import text_string_to_metric_families

from medusa import observe
from medusa.config import Address, Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.errors import UserError
from medusa.observe import logs
from medusa.observe.lines import lines
from medusa.web.health import serve_health
from tests.e2e.kit import send

TOKEN = "a-token-of-the-metrics"
SECRET = "a-secret-of-the-owner"


@pytest.fixture
def _own_log() -> Iterator[None]:
    """Logs as Medusa does, and leaves the log of the tests as it was."""
    root, own = logging.getLogger(), logging.getLogger("medusa")
    before = root.handlers[:], root.level, own.level
    lines.clear()
    logs.set_up("INFO")
    structlog.configure(cache_logger_on_first_use=False)
    yield
    root.handlers[:], root.level = before[:2]
    own.setLevel(before[2])
    structlog.reset_defaults()


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def got(http: ClientSession, url: str, **headers: str) -> tuple[int, str]:
    async with http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def paper(stage: Stage, name: str) -> str:
    """The text of the only file of this name."""
    [found] = [one for one in await stage.owner.history(stage.owner.user_id) if one.file and one.file.name == name]
    return b"".join([part async for part in stage.owner.download(found.chat_id, found.id)]).decode()


async def everything_is_told(stage: Stage, url: str, folder: Path) -> None:
    observe.hide([SECRET])
    await send(stage, f"/dl {stage.media.url}/clip.mp4 -n {SECRET}", "/dl not-a-link", "/nothing")
    answers = await send(stage, "/logs job 1", "/job 1", "/job 1 --trace", "/logs file", "/logs many", "/job --trace")
    texts = {message.id: message.text for message in answers}
    said = "\n".join(texts.values())

    # From the command to the post, each line names the message that it goes back to.
    for event in ("job.queued", "job.resolved", "job.posted", "job.ended"):
        [line] = [line.text for line in lines.find(limit=99, job=1, text=event)]
        assert f"message={stage.owner.user_id}:1" in line
        assert event in said
    assert re.search(r"(resolve|stream) \d\.\d s · .*post \d\.\d s", said)
    assert "many is not understood here" in said
    assert "A trace is that of one job" in said

    trace = json.loads(await paper(stage, "job-1.otlp.json"))
    [whole, *stages] = trace["resourceSpans"][0]["scopeSpans"][0]["spans"]
    job = await stage.app.jobs.get(1)
    assert job is not None
    assert [span["name"] for span in stages] == [str(lap.stage) for lap in job.laps]
    assert [span["name"] for span in (stages[0], stages[-1])] == ["resolve", "post"]
    assert {span["parentSpanId"] for span in stages} == {whole["spanId"]}
    assert stage.media.url not in json.dumps(trace)

    log = await paper(stage, "medusa.log")
    assert "job.ended" in log
    assert SECRET not in log + said
    [file] = logs.files(folder / "stage" / "state" / "log")
    assert file.stat().st_mode & 0o777 == 0o600

    async with aiohttp.ClientSession() as http:
        assert await got(http, f"{url}/healthz") == (200, '{"status": "ok"}')
        status, body = await got(http, f"{url}/readyz")
        assert status == 200, body
        assert set(json.loads(body)["checks"]) == {"telegram", "store", "disk", "children", "clock", "backup"}
        await strangers_are_kept_away(http, url)
        status, exposition = await got(http, f"{url}/metrics")
    seen = {one.name: one for one in text_string_to_metric_families(exposition)}
    values = {(s.name, *s.labels.values()): s.value for one in seen.values() for s in one.samples}
    assert values["medusa_jobs_ended_total", "done"] >= 1
    assert values["medusa_commands_total", "dl"] >= 2
    assert values["medusa_command_refusals_total",] >= 1
    assert values["medusa_transferred_bytes_total", "up"] > 1_000_000
    assert values["medusa_stage_duration_seconds_count", "post"] >= 1
    assert values["medusa_telegram_request_duration_seconds_count",] > 3
    assert values["medusa_posts_total",] >= 1
    assert values["medusa_ready",] == values["medusa_telegram_connected",] == 1
    assert values["medusa_store_schema_version",] >= 16
    assert min(values[f"medusa_{name}",] for name in ("resident_memory_bytes", "store_bytes", "store_wal_bytes")) > 0
    assert values["medusa_slots", "fetch"] >= values["medusa_slots_busy", "fetch"] == 0
    assert not re.search(r"clip|127\.0\.0\.1|5000001", exposition)


async def strangers_are_kept_away(http: ClientSession, url: str) -> None:
    for page in ("/readyz", "/metrics"):
        for headers in (
            {"X-Forwarded-For": "203.0.113.7"},
            {"Host": "rebound.example"},
            {"X-Forwarded-For": "203.0.113.7", "Authorization": "Bearer wrong-token-of-metrics"},
            {"X-Forwarded-For": "203.0.113.7", "Authorization": f"Basic {TOKEN}"},
        ):
            assert (await got(http, url + page, **headers))[0] == 401
        known = {"X-Forwarded-For": "203.0.113.7", "Authorization": f"Bearer {TOKEN}"}
        assert (await got(http, url + page, **known))[0] == 200
    assert (await got(http, f"{url}/healthz", Host="rebound.example"))[0] == 200
    for odd in (b"Host: [::1", b"Host: ]", b"Host: x\r\nAuthorization: Bearer \xff\xfe"):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n" + odd + b"\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"401", odd
        writer.close()


async def trouble_has_reasons(stage: Stage, url: str) -> None:
    """Each thing that work needs is said to be unwell when it is, with the reason."""
    app = stage.app
    app.room._keep_free = 10**18
    app.clock.seen = -3600.0
    app.backups._failures = 1
    app.account.client.line.broke(ConnectionError("pulled"))
    async with aiohttp.ClientSession() as http:
        status, body = await got(http, f"{url}/readyz")
        assert (await got(http, f"{url}/healthz"))[0] == 200
    told = {name: check["reason"] for name, check in json.loads(body)["checks"].items() if not check["ok"]}
    assert status == 503
    assert set(told) == {"telegram", "disk", "clock", "backup"}
    assert told["clock"] == "The clock is 1 h 0 min behind."
    assert told["backup"] == "There is no backup yet."


@pytest.mark.usefixtures("_own_log")
async def test_what_an_operator_sees(
    config: Config,
    tmp_path: Path,
    samples: Samples,
    samples_folder: Path,
    port: int,
) -> None:
    own = replace(config, metrics=Address("127.0.0.1", port), metrics_token=TOKEN)
    url = f"http://127.0.0.1:{port}"
    async with open_stage(own, tmp_path / "stage", samples_folder) as stage:
        await everything_is_told(stage, url, tmp_path)
        with pytest.raises(UserError, match=f"127.0.0.1:{port} is taken"):
            async with serve_health(stage.app.vitals, stage.app.gauges, own.metrics or Address("", 0), None):
                pass
        await trouble_has_reasons(stage, url)
