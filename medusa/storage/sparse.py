"""Writes frozen nouns as JSON without what is the rule, since rows are written again and again."""

import json
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medusa.model import Lap, LocalFile, Media, Stage

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def differing(value: "DataclassInstance") -> dict[str, Any]:
    """The fields that are not at their default, by name."""
    told = {one.name: getattr(value, one.name) for one in fields(value)}
    return {one.name: told[one.name] for one in fields(value) if told[one.name] != _rule(one)}


def _rule(field: "Field[Any]") -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def media_text(media: Media) -> str:
    """Media as JSON."""
    return json.dumps(differing(media))


def media_of(values: dict[str, Any]) -> Media:
    """Media of what JSON says of them."""
    return Media(**{**values, "subtitles": tuple(values.get("subtitles", ()))})


def files_text(files: tuple[LocalFile, ...]) -> str:
    """Files as JSON."""
    found = [differing(file) for file in files]
    for values in found:
        if "media" in values:
            values["media"] = differing(values["media"])
    return json.dumps(found, default=str)


def files_of(text: str) -> tuple[LocalFile, ...]:
    """The files that JSON tells of."""
    return tuple(_file(values) for values in json.loads(text))


def laps_text(laps: tuple[Lap, ...]) -> str:
    """Laps as JSON; nothing for none."""
    return json.dumps([[lap.stage, lap.began, lap.seconds] for lap in laps], separators=(",", ":")) if laps else ""


def laps_of(text: str) -> tuple[Lap, ...]:
    """The laps that `laps_text` has written."""
    return tuple(Lap(Stage(stage), began, seconds) for stage, began, seconds in json.loads(text or "[]"))


def _file(values: dict[str, Any]) -> LocalFile:
    media, thumb = values.pop("media", None), values.pop("thumb", None)
    return LocalFile(
        path=Path(values.pop("path")),
        media=None if media is None else media_of(media),
        thumb=None if thumb is None else Path(thumb),
        **values,
    )
