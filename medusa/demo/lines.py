"""Reads the lines of a demo script."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medusa.errors import UserError

FORM = (
    'a JSON object with some of "text", "file": PATH, "reply_to": "last" | "last_file" | ID, "chat": "me" | NAME, '
    '"as": "owner" | NAME, "wait": "jobs" | SECONDS'
)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to send, and how long to wait afterwards: ``wait`` is "jobs", or seconds."""

    text: str = ""
    file: Path | None = None
    reply_to: str | int | None = None
    chat: str = "me"
    sender: str = "owner"
    wait: str | float | None = None


def read_lines(raw: Iterable[str]) -> list[Line]:
    """Read JSON lines; empty ones and those that begin with # are passed over. Raises UserError that names the line."""
    found = []
    for number, text in enumerate(raw, start=1):
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        try:
            found.append(_line(json.loads(text)))
        except (ValueError, TypeError) as error:
            raise UserError(f"Line {number} of the script: {error}. It must be {FORM}.") from None
    return found


def _line(values: Any) -> Line:
    if not isinstance(values, dict):
        raise TypeError("this is no JSON object")
    unknown = set(values) - {"text", "file", "reply_to", "chat", "as", "wait"}
    if unknown:
        raise ValueError(f"“{min(unknown)}” is not known")
    if not values.get("text") and not values.get("file") and "wait" not in values:
        raise ValueError("there is neither text nor file")
    return Line(
        text=_text(values, "text", ""),
        file=Path(_text(values, "file", "")) if values.get("file") else None,
        reply_to=_reply_to(values.get("reply_to")),
        chat=_text(values, "chat", "me"),
        sender=_text(values, "as", "owner"),
        wait=_wait(values.get("wait")),
    )


def _text(values: dict[str, Any], key: str, default: str) -> str:
    value = values.get(key, default)
    if not isinstance(value, str):
        raise TypeError(f"“{key}” must be a text")
    if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError(f"“{key}” has half a character in it (a lone surrogate)")
    return value


def _reply_to(value: Any) -> str | int | None:
    if value is None or value in ("last", "last_file") or (type(value) is int and value > 0):
        return value  # type: ignore[no-any-return]
    raise ValueError("“reply_to” must be last, last_file or a message id")


def _wait(value: Any) -> str | float | None:
    if value is None or value == "jobs" or (type(value) in (int, float) and 0 <= value < 86400):
        return value  # type: ignore[no-any-return]
    raise ValueError("“wait” must be jobs or a number of seconds")


def with_samples(text: str, media_url: str) -> str:
    """Put the address of the demo's web server in the place of ``sample:`` in links such as ``sample:clip.mp4``."""
    return re.sub(r"(?<![^\s:|])sample:/*(?=\S)", f"{media_url}/", text)
