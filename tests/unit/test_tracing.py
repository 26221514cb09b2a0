"""A job's stages are timed, kept in few bytes, and told in the very form of OTLP."""

import json
import re
from typing import Any

import pytest

from medusa.model import Job, JobState, Lap, Order, Progress, Stage
from medusa.observe import otlp
from medusa.observe.metrics import REGISTRY
from medusa.stopwatch import MOST_LAPS, Stopwatch
from medusa.storage.sparse import laps_of, laps_text
from medusa.words import laps_line

LAPS = (Lap(Stage.RESOLVE, 1000.5, 0.25), Lap(Stage.FETCH, 1001.0, 75.0), Lap(Stage.FETCH, 2000.0, 5.0))
ORDER = Order("https://secret.example/x")
JOB = Job(7, JobState.FAILED, ORDER, 5, 6, 1000.0, title="A title", reason="Why", ended=2010.0, laps=LAPS)


def check_value(value: dict[str, Any]) -> None:
    """AnyValue: a text, or a 64-bit number, which JSON has as a text, too."""
    [(kind, told)] = value.items()
    assert kind in {"stringValue", "intValue"}
    assert isinstance(told, str)
    assert kind == "stringValue" or re.fullmatch(r"-?\d{1,19}", told)


def check_span(span: dict[str, Any]) -> None:
    """Span, by https://github.com/open-telemetry/opentelemetry-proto and its mapping to JSON."""
    known = {"traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano"}
    assert set(span) <= known | {"attributes", "status"}
    assert re.fullmatch(r"[0-9a-f]{32}", span["traceId"])
    assert re.fullmatch(r"[0-9a-f]{16}", span["spanId"])
    assert span["kind"] == 1
    assert re.fullmatch(r"\d{1,20}", span["startTimeUnixNano"])
    assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert span["status"]["code"] in {0, 1, 2}
    for attribute in span.get("attributes", []):
        assert set(attribute) == {"key", "value"}
        check_value(attribute["value"])


def test_the_trace_has_the_shape_of_otlp() -> None:
    told = json.loads(json.dumps(otlp.trace(JOB, "1.0", 3000.0)))
    [resource] = told["resourceSpans"]
    assert set(told) == {"resourceSpans"}
    assert set(resource) == {"resource", "scopeSpans"}
    for attribute in resource["resource"]["attributes"]:
        check_value(attribute["value"])
    [scope] = resource["scopeSpans"]
    whole, *stages = scope["spans"]
    for span in scope["spans"]:
        check_span(span)
        assert span["traceId"] == whole["traceId"]
    assert len({span["spanId"] for span in scope["spans"]}) == 4
    assert [span["parentSpanId"] for span in stages] == [whole["spanId"]] * 3
    assert (whole["endTimeUnixNano"], whole["status"]) == ("2010000000000", {"code": 2})
    assert (stages[1]["startTimeUnixNano"], stages[1]["endTimeUnixNano"]) == ("1001000000000", "1076000000000")
    assert told == otlp.trace(JOB, "1.0", 4000.0)
    assert not re.search(r"secret|title|Why", json.dumps(told))


def test_laps_are_kept_in_few_bytes_and_read_well() -> None:
    assert laps_of(laps_text(LAPS)) == LAPS
    assert laps_of(laps_text(())) == laps_of("") == ()
    assert len(laps_text((Lap(Stage.PROCESS, 1764250000.123, 12345.678),) * MOST_LAPS)) < 2000
    assert laps_line(LAPS) == "resolve 0.2 s · fetch 1 min 20 s"


@pytest.mark.parametrize(("stage", "direction"), [(Stage.FETCH, "down"), (Stage.UPLOAD, "up"), (Stage.PROCESS, None)])
def test_speeds_leave_out_what_was_there_before(
    stage: Stage, direction: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(name: str) -> float:
        labels = {"direction": direction or "down"}
        return REGISTRY.get_sample_value(f"medusa_transfer_speed_bytes_per_second_{name}", labels) or 0.0

    count, total, now = read("count"), read("sum"), [100.0]
    monkeypatch.setattr("medusa.stopwatch.time.monotonic", lambda: now[0])
    watch = Stopwatch(stage)
    watch.moved(Progress(5_000_000, 9_000_000))
    watch.moved(Progress(9_000_000, 9_000_000))
    watch.moved(Progress(1000, 2000, playing=True))
    now[0] += 4.0
    assert watch.stop().seconds == 4.0
    assert read("count") - count == (direction is not None)
    assert read("sum") - total == pytest.approx(1_000_000 if direction else 0)
