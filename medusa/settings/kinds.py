"""The kinds of values that settings have: how each is written, read and shown."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Generic, TypeVar

from medusa import intervals
from medusa.config import values
from medusa.model import Hours, Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One setting. ``parse`` raises ValueError for what does not fit ``form``; ``show`` is its inverse.

    A ``personal`` one may be another for somebody's own jobs.
    """

    key: str
    default: T
    parse: Callable[[str], T]
    form: str
    about: str
    show: Callable[[T], str] = str
    personal: bool = False
    role: Role = Role.ADMIN
    """Who may change it for all, at least."""


def _switch(text: str) -> bool:
    return {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}[
        text.lower()
    ]


def _show_switch(value: bool) -> str:
    return "on" if value else "off"


def prefixes(text: str) -> str:
    found = re.fullmatch(r"[“\"]?([/.!,;:+~#-]{1,4})[”\"]?", text)
    if found is None:
        raise ValueError
    return found[1]


def show_prefixes(prefixes: str) -> str:
    """In quotes, for in a sentence they would pass for its punctuation."""
    return f"“{prefixes}”"


def quality(text: str) -> str:
    if not re.fullmatch(r"best|audio|[1-9][0-9]{1,3}p?", text.lower()):
        raise ValueError
    return text.lower().removesuffix("p")


def chats(text: str) -> tuple[int, ...]:
    if text.lower() == "none":
        return ()
    found = [part for part in re.split(r"[,\s]+", text) if part]
    if not found or not all(re.fullmatch(r"-?[0-9]{1,16}", part) for part in found):
        raise ValueError
    return tuple(int(part) for part in found)


def show_chats(chats: tuple[int, ...]) -> str:
    return ", ".join(str(chat) for chat in chats) or "none"


def spot(text: str) -> str:
    if text.lower() in ("here", "off"):
        return ""
    if not re.fullmatch(r"-?[0-9]{1,16}(/[0-9]{1,10})?", text):
        raise ValueError
    return text


def show_spot(spot: str) -> str:
    return spot or "here"


_UNITS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_RATES = range(10_000, 10_000_000_001)
"""Bytes a second; were they fewer, servers would take us for gone."""


def _rate(text: str) -> int | None:
    if text.lower() == "off":
        return None
    found = re.fullmatch(r"([0-9]{1,11}(?:[.,][0-9]{1,9})?) ?([kmg]?)(?:b?|b/s)", text.lower())
    if found is None:
        raise ValueError
    rate = int(Decimal(found[1].replace(",", ".")) * _UNITS[found[2]])
    if rate not in _RATES:
        raise ValueError
    return rate


def _show_rate(rate: int | None) -> str:
    if rate is None:
        return "off"
    unit, name = (1_000_000, "MB/s") if rate >= 1_000_000 else (1_000, "kB/s")
    return f"{(Decimal(rate) / unit).normalize():f} {name}"


def _amount(text: str) -> int | None:
    if text.lower() == "off":
        return None
    found = re.fullmatch(r"([0-9]{1,6}(?:[.,][0-9]{1,12})?) ?([mgt])b?", text.lower())
    if found is None:
        raise ValueError
    amount = int(Decimal(found[1].replace(",", ".")) * {**_UNITS, "t": 10**12}[found[2]])
    if amount < 1_000_000:
        raise ValueError  # with none at all, jobs would wait for ever
    return amount


def _show_amount(amount: int | None) -> str:
    if amount is None:
        return "off"
    unit, name = next((pair for pair in ((10**12, "TB"), (10**9, "GB")) if amount >= pair[0]), (10**6, "MB"))
    return f"{(Decimal(amount) / unit).normalize():f} {name}"


_DAY = 24 * 60
"""Minutes."""


def hours(text: str) -> Hours:
    if text.lower() == "off":
        return ()
    hours = tuple(_span(part.strip()) for part in text.split(","))
    quiet = {minute % _DAY for begin, end in hours for minute in range(begin, end if begin < end else end + _DAY)}
    if len(quiet) == _DAY:
        raise ValueError  # jobs would wait for ever
    return hours


def _span(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d\d?):(\d\d) ?[-–] ?(\d\d?):(\d\d)", text, re.ASCII)
    if found is None:
        raise ValueError
    hours, minutes = map(int, found.groups()[::2]), map(int, found.groups()[1::2])
    begin, end = (_minute(hour, minute) for hour, minute in zip(hours, minutes, strict=True))
    if begin == end:
        raise ValueError
    return begin, end


def _minute(hour: int, minute: int) -> int:
    """Minutes since midnight; the midnight at the end of a day is the one at its beginning."""
    if minute > 59 or hour * 60 + minute > _DAY:
        raise ValueError
    return (hour * 60 + minute) % _DAY


def show_hours(hours: Hours) -> str:
    spans = [f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" for begin, end in hours]
    return ", ".join(spans) or "off"


def visitors(text: str) -> int:
    if not re.fullmatch(r"[1-9]|1[0-6]", text, re.ASCII):
        raise ValueError
    return int(text)


def cap(text: str) -> float:
    found = intervals.seconds(text)
    if not 60 <= found <= 12 * 3600 or found % 60:
        raise ValueError
    return found


def show_cap(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])


def hosts(text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else values.allow(text, Path())


def show_hosts(hosts: tuple[str, ...]) -> str:
    return ", ".join(hosts) or "none"


def places(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(place(part.strip()) for part in text.split(",") if part.strip()))
    if not 1 <= len(found) <= 5:
        raise ValueError
    return found


def show_places(found: tuple[str, ...]) -> str:
    return ", ".join(found)


def place(text: str) -> str:
    """Where a backup may go: ``folder``, ``me``, a chat's marked id or an absolute path. Raises ValueError."""
    if text.lower() in ("folder", "me"):
        return text.lower()
    if not re.fullmatch(r"-[0-9]{1,16}|/[^\0\n]{1,1000}", text, re.ASCII):
        raise ValueError
    return text


def generations(text: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"([0-9]{1,2}) ?d ?([0-9]{1,2}) ?w ?([0-9]{1,2}) ?m", text.lower(), re.ASCII)
    if found is None:
        raise ValueError
    return int(found[1]), int(found[2]), int(found[3])


def show_generations(counts: tuple[int, int, int]) -> str:
    return "{}d {}w {}m".format(*counts)


_RECIPE = re.compile(r"([a-z][a-z0-9-]{0,19}) *= *(-[^;\n]{1,500})")
MOST_RECIPES = 50


def recipes(text: str) -> dict[str, str]:
    if text.lower() == "none":
        return {}
    found = [_RECIPE.fullmatch(part.strip()) for part in text.split(";")]
    if len(found) > MOST_RECIPES:
        raise ValueError
    recipes = {one[1]: " ".join(one[2].split()) for one in found if one is not None}
    if len(recipes) != len(found):
        raise ValueError
    return recipes


def show_recipes(recipes: dict[str, str]) -> str:
    return "; ".join(f"{name}={arguments}" for name, arguments in recipes.items()) or "none"


def budget(key: str, about: str) -> Setting[int | None]:
    """A limit in bytes a day, None for none."""
    return Setting(key, None, _amount, "bytes from 1M, such as 500M, 20G or 1.5T, or off", about, _show_amount)


def limit(key: str, about: str) -> Setting[int | None]:
    """A limit in bytes a second, None for none."""
    form = "bytes a second from 10K to 10G, such as 500K or 1.5M, or off"
    return Setting(key, None, _rate, form, about, _show_rate)


_UNITS_OF_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_MOST_DAYS = 9999 * 365


def _term(text: str) -> float | None:
    if text.lower() in ("forever", "off"):
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,6}) ?([dwmy])", text.lower())
    days = int(found[1]) * _UNITS_OF_DAYS[found[2]] if found else 0
    if not 0 < days <= _MOST_DAYS:
        raise ValueError
    return 86400.0 * days


def _show_term(seconds: float | None) -> str:
    return "forever" if seconds is None else f"{seconds / 86400:.0f}d"


def term(key: str, days: int | None, about: str) -> Setting[float | None]:
    """For how many seconds something is kept, None for ever."""
    default = None if days is None else 86400.0 * days
    form = "days, weeks, months or years such as 90d, 12w, 6m or 2y, or forever"
    return Setting(key, default, _term, form, about, _show_term, role=Role.OWNER)


def switch(key: str, default: bool, about: str, *, personal: bool = False) -> Setting[bool]:
    """A setting that is on or off."""
    return Setting(key, default, _switch, "on or off", about, _show_switch, personal)
