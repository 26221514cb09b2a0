"""Reads the lines of an export that anybody may have written: nothing of it is believed before it is checked."""

import json
import math
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, BinaryIO

from medusa.errors import UserError

LONGEST = 4 * 1024 * 1024
"""Bytes of one line."""
_DEEPEST = 6
_INTEGERS = range(-(2**63), 2**63)


def lines(file: BinaryIO) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Each line as it stands and as the object that it is. Raises UserError, which names the line."""
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise UserError(
                f"Line {number} has more than {LONGEST // 1024**2} MiB; no export has. Nothing was changed."
            )
        try:
            value = parsed(line)
        except ValueError as error:
            raise UserError(f"Line {number} can't be used: {error}. Nothing was changed.") from None
        if not isinstance(value, dict):
            raise UserError(f"Line {number} can't be used: it is no object. Nothing was changed.")
        yield line, value


def parsed(text: str | bytes) -> Any:
    """What a text says as JSON; a column may hold some, too. Raises ValueError for what no export says."""
    try:
        value = json.loads(text, object_pairs_hook=_single, parse_constant=_refused)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError("it is no JSON") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check(value, 0)
    return value


def value_of(value: Any) -> Any:
    """The value of a column. Raises ValueError for what no column holds."""
    if isinstance(value, dict):
        if set(value) != {"base64"} or not isinstance(value["base64"], str):
            raise ValueError("a value is neither a number, a text nor base64")
        return b64decode(value["base64"], validate=True)
    fits = value is None or (isinstance(value, int | float | str) and not isinstance(value, bool))
    if not fits:
        raise ValueError("a value is neither a number, a text nor base64")
    return value


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _refused(_: str) -> Any:
    raise ValueError("a number is out of range")


def _check(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        inside = [part for pair in value.items() for part in pair]
    else:
        inside = value if isinstance(value, list) else []
        _check_plain(value)
    for one in inside:
        _check(one, depth + 1)


def _check_plain(value: Any) -> None:
    if isinstance(value, str) and ("\0" in value or any("\ud800" <= char <= "\udfff" for char in value)):
        raise ValueError("a text holds what no text may")
    too_large = isinstance(value, int) and value not in _INTEGERS
    if too_large or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("a number is out of range")
