"""Which items of a watched list are wanted."""

import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date

from medusa.errors import UserError
from medusa.intervals import seconds
from medusa.names import quoted
from medusa.sources.described import Entry
from medusa.words import span

_MOST_WORDS = 500


@dataclass(frozen=True, slots=True)
class Filters:
    """``newer``: published on that date or later. ``match``: words with commas between, of which the title has one or
    more; ``without``: of which it has none. ``least`` and ``most`` bound the duration in seconds, 0 for no bound.
    """

    newer: str = ""
    match: str = ""
    without: str = ""
    least: float = 0.0
    most: float = 0.0

    @property
    def stored(self) -> str:
        """What `restored` reads."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    def __str__(self) -> str:
        parts = [f"from {self.newer} on"] if self.newer else []
        parts += [f"with {quoted(self.match)}"] if self.match else []
        parts += [f"without {quoted(self.without)}"] if self.without else []
        parts += [f"at least {span(self.least)}"] if self.least else []
        parts += [f"at most {span(self.most)}"] if self.most else []
        return ", ".join(parts)

    def unsure(self, entry: Entry) -> bool:
        """Whether the list does not tell what decides; then the item itself has to be looked at."""
        dated = not self.newer or bool(entry.published)
        timed = not (self.least or self.most) or entry.duration is not None
        return self.titled(entry) and not (dated and timed)

    def takes(self, entry: Entry) -> bool:
        """Whether an item is wanted, as far as is known; what nobody tells keeps none away."""
        if not self.titled(entry) or (self.newer and entry.published and entry.published < self.newer):
            return False
        if entry.duration is None:
            return True
        return self.least <= entry.duration and (not self.most or entry.duration <= self.most)

    def titled(self, entry: Entry) -> bool:
        """Whether the title alone lets it through."""
        title = entry.title.casefold()
        return (not self.match or _has(title, self.match)) and not (self.without and _has(title, self.without))


def _has(title: str, words: str) -> bool:
    return any(word in title for word in _words(words))


def _words(text: str) -> list[str]:
    return [" ".join(word.split()).casefold() for word in text.split(",") if word.strip()]


def restored(text: str) -> Filters:
    """The filters that `Filters.stored` wrote. Raises UserError for what can't be read."""
    try:
        return Filters(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise UserError("What it is to take can't be read.") from error


def read(newer: str, match: str, without: str, least: str, most: str) -> Filters:
    """The filters that the options of a command name, each empty where it was not given. Raises UserError."""
    for name, words in (("--match", match), ("--without", without)):
        if (words and not _words(words)) or len(words) > _MOST_WORDS:
            raise UserError(f"{name} takes words with commas between, at most {_MOST_WORDS} characters.")
    found = Filters(_date(newer), match, without, _duration("--min", least), _duration("--max", most))
    if found.most and found.most < found.least:
        raise UserError("--max is shorter than --min, so that nothing fits.")
    return found


def _duration(name: str, text: str) -> float:
    found = 0.0
    with suppress(ValueError):
        found = seconds(text)
    if text and not found:
        raise UserError(f"{name} takes a duration such as 90s, 2m or 1h30m, not {quoted(text)}.")
    return found


def _date(text: str) -> str:
    if not text:
        return ""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UserError(f"--newer takes a date such as 2026-01-31, not {quoted(text)}.") from None
