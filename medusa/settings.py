"""What the owner can change while Medusa runs: each setting with its type, default and words in one place."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Generic, TypeVar

from medusa import intervals
from medusa.config import values
from medusa.errors import UserError
from medusa.model import Hours, Notice
from medusa.names import quoted
from medusa.storage.settings import StoredSettings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One setting. ``parse`` raises ValueError for what does not fit ``form``; ``show`` is its inverse."""

    key: str
    default: T
    parse: Callable[[str], T]
    form: str
    about: str
    show: Callable[[T], str] = str


def _switch(text: str) -> bool:
    return {"on": True, "yes": True, "true": True, "1": True, "off": False, "no": False, "false": False, "0": False}[
        text.lower()
    ]


def _show_switch(value: bool) -> str:
    return "on" if value else "off"


def _prefixes(text: str) -> str:
    found = re.fullmatch(r"[“\"]?([/.!,;:+~#-]{1,4})[”\"]?", text)
    if found is None:
        raise ValueError
    return found[1]


def _show_prefixes(prefixes: str) -> str:
    """In quotes, for in a sentence they would pass for its punctuation."""
    return f"“{prefixes}”"


def _quality(text: str) -> str:
    if not re.fullmatch(r"best|audio|[1-9][0-9]{2,3}p?", text.lower()):
        raise ValueError
    return text.lower().removesuffix("p")


def _chats(text: str) -> tuple[int, ...]:
    if text.lower() == "none":
        return ()
    found = [part for part in re.split(r"[,\s]+", text) if part]
    if not found or not all(re.fullmatch(r"-?[0-9]{1,16}", part) for part in found):
        raise ValueError
    return tuple(int(part) for part in found)


def _show_chats(chats: tuple[int, ...]) -> str:
    return ", ".join(str(chat) for chat in chats) or "none"


def _spot(text: str) -> str:
    if text.lower() in ("here", "off"):
        return ""
    if not re.fullmatch(r"-?[0-9]{1,16}(/[0-9]{1,10})?", text):
        raise ValueError
    return text


def _show_spot(spot: str) -> str:
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
    found = re.fullmatch(r"([0-9]{1,6}(?:[.,][0-9]{1,3})?) ?([mgt])b?", text.lower())
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


def _hours(text: str) -> Hours:
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


def _show_hours(hours: Hours) -> str:
    spans = [f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}" for begin, end in hours]
    return ", ".join(spans) or "off"


def _visitors(text: str) -> int:
    if not re.fullmatch(r"[1-9]|1[0-6]", text, re.ASCII):
        raise ValueError
    return int(text)


def _cap(text: str) -> float:
    found = re.fullmatch(r"(?:([0-9]{1,2}) ?h)? ?(?:([0-9]{1,3}) ?m(?:in)?)?", text.lower())
    seconds = 3600.0 * int(found[1] or 0) + 60.0 * int(found[2] or 0) if found else 0.0
    if not 60 <= seconds <= 12 * 3600:
        raise ValueError
    return seconds


def _show_cap(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])


def _hosts(text: str) -> tuple[str, ...]:
    return () if text.lower() == "none" else values.allow(text, Path())


def _show_hosts(hosts: tuple[str, ...]) -> str:
    return ", ".join(hosts) or "none"


_RECIPE = re.compile(r"([a-z][a-z0-9-]{0,19}) *= *(-[^;\n]{1,500})")
MOST_RECIPES = 50


def _recipes(text: str) -> dict[str, str]:
    if text.lower() == "none":
        return {}
    found = [_RECIPE.fullmatch(part.strip()) for part in text.split(";")]
    if len(found) > MOST_RECIPES:
        raise ValueError
    recipes = {one[1]: " ".join(one[2].split()) for one in found if one is not None}
    if len(recipes) != len(found):
        raise ValueError
    return recipes


def _show_recipes(recipes: dict[str, str]) -> str:
    return "; ".join(f"{name}={arguments}" for name, arguments in recipes.items()) or "none"


def budget(key: str, about: str) -> Setting[int | None]:
    """A limit in bytes a day, None for none."""
    return Setting(key, None, _amount, "bytes from 1M, such as 500M, 20G or 1.5T, or off", about, _show_amount)


def limit(key: str, about: str) -> Setting[int | None]:
    """A limit in bytes a second, None for none."""
    form = "bytes a second from 10K to 10G, such as 500K or 1.5M, or off"
    return Setting(key, None, _rate, form, about, _show_rate)


_UNITS_OF_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def _term(text: str) -> float | None:
    if text.lower() in ("forever", "off"):
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,3}) ?([dwmy])", text.lower())
    if found is None:
        raise ValueError
    return 86400.0 * int(found[1]) * _UNITS_OF_DAYS[found[2]]


def _show_term(seconds: float | None) -> str:
    return "forever" if seconds is None else f"{seconds / 86400:.0f}d"


def term(key: str, days: int | None, about: str) -> Setting[float | None]:
    """For how many seconds something is kept, None for ever."""
    default = None if days is None else 86400.0 * days
    return Setting(
        key, default, _term, "days, weeks, months or years such as 90d, 12w, 6m or 2y, or forever", about, _show_term
    )


def switch(key: str, default: bool, about: str) -> Setting[bool]:
    """A setting that is on or off."""
    return Setting(key, default, _switch, "on or off", about, _show_switch)


PREFIX = Setting(
    "prefix", "/.", _prefixes, "one to four of / . ! , ; : + ~ # -", "what a command starts with", _show_prefixes
)
BARE_LINKS = switch("bare-links", True, "take a lone link in Saved Messages as /dl")
QUALITY = Setting("quality", "best", _quality, "best, audio, or a height such as 720", "quality when -q is not given")
DOCUMENTS = switch("documents", False, "post videos and audio as plain files")
TAGS = switch("tags", False, "mark captions so that /rebuild knows after a loss which link a post came from")
SILENT = switch("silent", False, "post without a notification")
WARN_PLAYING = switch("warn-playing", True, "say when some phones will not play at once what was posted")
CHATS: Setting[tuple[int, ...]] = Setting(
    "chats",
    (),
    _chats,
    "chat ids such as -1001234567890, separated by commas, or none",
    "further chats in which commands are obeyed, beside the registered ones (/channels)",
    _show_chats,
)
DESTINATION = Setting(
    "destination",
    "",
    _spot,
    "here, or a chat id such as -1001234567890, of a forum with /TOPIC behind it; /channel default takes names, too",
    "where posts go whose command stands in Saved Messages, says no --to and is decided by no rule",
    _show_spot,
)
LIMIT_DOWN = limit("limit-down", "how fast all jobs together may fetch")
LIMIT_UP = limit("limit-up", "how fast all jobs together may upload")
BUDGET_DOWN = budget("budget-down", "how much all jobs together may fetch in a day")
BUDGET_UP = budget("budget-up", "how much all jobs together may upload in a day")
QUIET_HOURS: Setting[Hours] = Setting(
    "quiet-hours",
    (),
    _hours,
    "times such as 01:00-07:00, several with commas between, but not the whole day, or off",
    "when nothing is fetched or uploaded",
    _show_hours,
)
LIVE_CAP = Setting(
    "live-cap",
    7200.0,
    _cap,
    "1 min to 12 h, such as 45m or 2h 30m",
    "how much of a live stream is recorded",
    _show_cap,
)
PER_HOST = Setting("per-host", 2, _visitors, "a number from 1 to 16", "how many jobs may fetch from one host at once")
HTTPS_ONLY = switch("https-only", False, "fetch nothing over plain http, but from what allow names")
ALLOW: Setting[tuple[str, ...]] = Setting(
    "allow",
    (),
    _hosts,
    "hosts, host:port pairs and networks such as nas.local:8080 or 10.0.0.0/24, with commas between, or none",
    "what may be fetched although it stands in a private network or at an unusual port",
    _show_hosts,
)
RECIPES: Setting[dict[str, str]] = Setting(
    "recipes",
    {},
    _recipes,
    "NAME=ARGUMENTS, several with ; between, or none; see recipe",
    "your own recipes for convert",
    _show_recipes,
)
BACKUP: Setting[intervals.Every] = Setting(
    "backup",
    86400.0,
    intervals.every,
    "1h to 30d, such as 12h or 7d, a cron expression such as 0 4 * * *, or off",
    "how often a backup is made",
    intervals.show_every,
)
BACKUP_TO: Setting[tuple[str, ...]] = Setting(
    "backup-to",
    ("folder",),
    intervals.places,
    "folder (beside the state), me (Saved Messages), a chat id such as -1001234567890, or a folder such as /mnt/usb, "
    "with commas between",
    "where backups go",
    intervals.show_places,
)
BACKUP_KEEP: Setting[tuple[int, int, int]] = Setting(
    "backup-keep",
    (5, 4, 3),
    intervals.generations,
    "how many days, weeks and months, each up to 99, such as 7d 4w 6m",
    "how many days, weeks and months keep a backup in each place",
    intervals.show_generations,
)
KEEP: dict[str, Setting[float | None]] = {
    "history": term("keep-history", 180, "how long jobs, batches and runs of watches are listed after their end"),
    "library": term("keep-library", None, "how long it is remembered what was posted where"),
    "audit": term("keep-audit", 730, "how long it is on record who did what"),
    "traffic": term("keep-traffic", 1095, "how long the bytes of each day are remembered"),
}
"""For how long is kept what grows old, by kind."""
ARCHIVE = switch("archive", False, "send an export to Saved Messages each time before old entries go")
NOTICES: dict[Notice, Setting[bool]] = {
    Notice.DONE: switch("notice-done", False, "say in Saved Messages what is done, beside the command message"),
    Notice.FAILED: switch("notice-failed", True, "say there what failed out of sight: elsewhere, late, or many"),
    Notice.WAITING: switch("notice-waiting", True, "say there what has to wait for more than ten minutes, and why"),
    Notice.SESSION: switch("notice-session", True, "say there when login or connection have trouble"),
    Notice.DISK: switch("notice-disk", True, "say there when the disk is nearly full"),
    Notice.SECRETS: switch("notice-secrets", True, "say there when cookies or a token that were used lately expire"),
    Notice.NETWORK: switch("notice-network", True, "say there when a link leads on to where it may not"),
    Notice.BACKUP: switch("notice-backup", True, "say there when a backup fails, and when backups work again"),
    Notice.MEMORY: switch("notice-memory", True, "say there when memory is nearly used up"),
    Notice.FAILURES: switch("notice-failures", True, "say there when many jobs fail in a row, or all of one site"),
    Notice.FLOOD: switch("notice-flood", True, "say there when Telegram makes jobs wait long, or often"),
    Notice.UPDATE: switch("notice-update", True, "say there when a site fails and yt-dlp is old"),
}
"""Which kinds of news the owner wants to hear of."""

_ALL: tuple[Setting[Any], ...] = (
    PREFIX,
    BARE_LINKS,
    QUALITY,
    DOCUMENTS,
    SILENT,
    WARN_PLAYING,
    TAGS,
    CHATS,
    DESTINATION,
    LIMIT_DOWN,
    LIMIT_UP,
    BUDGET_DOWN,
    BUDGET_UP,
    QUIET_HOURS,
    PER_HOST,
    LIVE_CAP,
    HTTPS_ONLY,
    ALLOW,
    RECIPES,
    BACKUP,
    BACKUP_TO,
    BACKUP_KEEP,
    *KEEP.values(),
    ARCHIVE,
    *NOTICES.values(),
)
ALL = {setting.key: setting for setting in _ALL}


def find(key: str) -> Setting[Any]:
    """The setting named ``key``. Raises UserError that names the nearest one."""
    if key in ALL:
        return ALL[key]
    near = get_close_matches(key, ALL, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See them all: /settings"
    raise UserError(f"There is no setting {quoted(key)}. {hint}")


class Settings:
    """The settings in force: what is stored, else the defaults."""

    def __init__(self, stored: StoredSettings) -> None:
        self._stored = stored
        self._values: dict[str, Any] = {}
        self._followers: dict[str, list[Callable[[Any], None]]] = {}

    async def load(self) -> None:
        """Read what is stored; a value that no longer fits its setting is passed over, and the default holds."""
        for key, text in (await self._stored.all()).items():
            setting = ALL.get(key)
            if setting is not None:
                self._values[key] = _parse(setting, text, fallback=setting.default)

    def __getitem__(self, setting: Setting[T]) -> T:
        value: T = self._values.get(setting.key, setting.default)
        return value

    def follow(self, setting: Setting[T], told: Callable[[T], None]) -> None:
        """Tell the value that is in force now, and each later one as soon as it is."""
        self._followers.setdefault(setting.key, []).append(told)
        told(self[setting])

    def changed(self, setting: Setting[Any]) -> bool:
        """Whether the setting differs from its default."""
        return bool(self[setting] != setting.default)

    async def set(self, key: str, text: str) -> Setting[Any]:
        """Store a value and put it in force. Raises UserError for an unknown key or a value that does not fit."""
        setting = find(key)
        value = _parse(setting, text)
        await self._stored.set(key, setting.show(value))
        self._values[key] = value
        self._tell(setting)
        return setting

    async def unset(self, key: str) -> Setting[Any]:
        """Return a setting to its default. Raises UserError for an unknown key."""
        setting = find(key)
        await self._stored.unset(key)
        self._values.pop(key, None)
        self._tell(setting)
        return setting

    def _tell(self, setting: Setting[Any]) -> None:
        for told in self._followers.get(setting.key, ()):
            told(self[setting])


def read(setting: Setting[T], text: str) -> T:
    """The value that a text stands for. Raises UserError."""
    return _parse(setting, text)


_REQUIRED = object()


def _parse(setting: Setting[T], text: str, *, fallback: Any = _REQUIRED) -> T:
    try:
        return setting.parse(text.strip())
    except (ValueError, KeyError):
        if fallback is _REQUIRED:
            raise UserError(f"{quoted(text)} does not fit {setting.key}: it takes {setting.form}.") from None
        value: T = fallback
        return value
