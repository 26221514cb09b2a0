"""Reads and rewrites the file ``.env``."""

import io
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from medusa.config.fields import FIELDS
from medusa.errors import UserError


def _bindings(dotenv: Path) -> list[Binding]:
    try:
        return list(parse_stream(io.StringIO(dotenv.read_text(encoding="utf-8"))))
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as error:
        raise UserError(f"{dotenv} is not a text file in UTF-8. Save it as UTF-8, or move it away.") from error
    except OSError as error:
        raise UserError(
            f"{dotenv} can't be read ({error.strerror}). Mend its owner and mode, or move it away."
        ) from error


def read(dotenv: Path) -> tuple[dict[str, str], list[str]]:
    """Return the file's settings, and a sentence on each line that is none; a missing file has neither.

    Raises UserError when the file can't be read.
    """
    bindings = _bindings(dotenv)
    broken = [
        f"Line {binding.original.line} of {dotenv.name} is not of the form NAME=value."
        for binding in bindings
        if binding.error or (binding.key and binding.value is None)
    ]
    return {binding.key: binding.value for binding in bindings if binding.key and binding.value is not None}, broken


def save_credentials(dotenv: Path, values: Mapping[str, str]) -> None:
    """Write settings into ``dotenv`` (mode 0600, at once or not at all); its other lines stay as they are.

    Keys are names of FIELDS; a line that says the same under an alias goes. Raises UserError when the file can't be
    read or written.
    """
    aliases = {alias for one in FIELDS if one.name in values for alias in one.aliases}
    kept = [one.original.string for one in _bindings(dotenv) if one.key not in {*values, *aliases}]
    text = "".join(kept)
    if text and not text.endswith("\n"):
        text += "\n"
    text += "".join(f"{key}={_quoted(value)}\n" for key, value in values.items())
    try:
        _replace(Path(os.path.realpath(dotenv)), text)
    except OSError as error:
        raise UserError(f"{dotenv} can't be written ({error.strerror}). Mend the folder's owner or room.") from error


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w.,:/+=@-]*", value, re.ASCII):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # mkstemp makes the file 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
