"""Tells of a job's stages as OpenTelemetry does: OTLP in JSON, which Jaeger, Tempo and others take as it is.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids are hexadecimal, 64-bit numbers are texts, and
names are in lowerCamelCase. Nothing that a stranger has written is in it: no link, no title, no reason.
"""

import hashlib
from typing import Any

from medusa.model import Job, JobState, Lap

_INTERNAL = 1
"""SPAN_KIND_INTERNAL."""
_STATUS = {JobState.DONE: 1, JobState.FAILED: 2}
"""STATUS_CODE_OK and STATUS_CODE_ERROR; all else is unset."""


def trace(job: Job, version: str, now: float) -> dict[str, Any]:
    """A job and its stages as an ExportTraceServiceRequest; one that has not ended reaches to the Unix time ``now``.

    The same job has the same ids, whenever it is asked for.
    """
    whole = _span(job, 0, f"job {job.id}", job.created, job.ended or now)
    whole["attributes"] = _attributes(
        {
            "medusa.job": job.id,
            "medusa.message": f"{job.chat_id}:{job.message_id}",
            "medusa.state": str(job.state),
            "medusa.priority": str(job.priority),
            "medusa.size": job.size,
        }
    )
    whole["status"] = {"code": _STATUS.get(job.state, 0)}
    spans = [whole, *(_stage(job, number, lap) for number, lap in enumerate(job.laps, start=1))]
    resource = {"attributes": _attributes({"service.name": "medusa", "service.version": version})}
    scope = {"name": "medusa", "version": version}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}]}


def _stage(job: Job, number: int, lap: Lap) -> dict[str, Any]:
    span = _span(job, number, str(lap.stage), lap.began, lap.began + lap.seconds)
    return {**span, "parentSpanId": _id(job, 0, 8), "status": {"code": 0}}


def _span(job: Job, number: int, name: str, began: float, ended: float) -> dict[str, Any]:
    return {
        "traceId": _id(job, -1, 16),
        "spanId": _id(job, number, 8),
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": str(round(began * 1000) * 1_000_000),
        "endTimeUnixNano": str(round(max(began, ended) * 1000) * 1_000_000),
    }


def _id(job: Job, number: int, length: int) -> str:
    """An id of so many bytes."""
    told = f"{job.id} {job.chat_id} {job.message_id} {job.created} {number}"
    return hashlib.sha256(told.encode()).hexdigest()[: 2 * length]


def _attributes(values: dict[str, str | int]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
