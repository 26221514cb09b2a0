"""What the owner can change while Medusa runs: the values in force, for all, and for one person's own jobs."""

from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, TypeVar

from medusa.errors import UserError
from medusa.names import quoted
from medusa.settings.kinds import MOST_RECIPES, Setting, budget, limit, switch, term
from medusa.settings.known import (
    ALLOW,
    ARCHIVE,
    BACKUP,
    BACKUP_KEEP,
    BACKUP_TO,
    BARE_LINKS,
    BUDGET_DOWN,
    BUDGET_UP,
    CHATS,
    DESTINATION,
    DOCUMENTS,
    FAMILIES,
    HTTPS_ONLY,
    KEEP,
    LIMIT_DOWN,
    LIMIT_UP,
    LIVE_CAP,
    NOTICES,
    OTHERS,
    PER_HOST,
    PREFIX,
    QUALITY,
    QUIET_HOURS,
    RECIPES,
    SILENT,
    STREAMING,
    TAGS,
    WARN_PLAYING,
    WATCHING,
)
from medusa.storage.settings import StoredSettings

__all__ = [
    "ALL",
    "ALLOW",
    "ARCHIVE",
    "BACKUP",
    "BACKUP_KEEP",
    "BACKUP_TO",
    "BARE_LINKS",
    "BUDGET_DOWN",
    "BUDGET_UP",
    "CHATS",
    "DESTINATION",
    "DOCUMENTS",
    "FAMILIES",
    "HTTPS_ONLY",
    "KEEP",
    "LIMIT_DOWN",
    "LIMIT_UP",
    "LIVE_CAP",
    "MOST_RECIPES",
    "NOTICES",
    "OTHERS",
    "PER_HOST",
    "PREFIX",
    "QUALITY",
    "QUIET_HOURS",
    "RECIPES",
    "SILENT",
    "STREAMING",
    "TAGS",
    "WARN_PLAYING",
    "WATCHING",
    "Setting",
    "Settings",
    "budget",
    "find",
    "limit",
    "read",
    "switch",
    "term",
]

T = TypeVar("T")

ALL: dict[str, Setting[Any]] = {one.key: one for family in FAMILIES.values() for one in family}
_OF = "@"
"""What stands between a key and the person whose own value it is."""


def find(key: str) -> Setting[Any]:
    """The setting named ``key``. Raises UserError that names the nearest one."""
    if key in ALL:
        return ALL[key]
    near = get_close_matches(key, ALL, n=1)
    hint = f"Did you mean {near[0]}?" if near else "See them all: /settings"
    raise UserError(f"There is no setting {quoted(key)}. {hint}")


class Settings:
    """The settings in force: what is stored, else the defaults.

    Some may be others for one person's own jobs; what holds in a chat (see `medusa.channels.registry`) comes before
    that, since it is about those who read there, and what a command says comes before both.
    """

    def __init__(self, stored: StoredSettings) -> None:
        self._stored = stored
        self._values: dict[str, Any] = {}
        """By key, and by key and person."""
        self._followers: dict[str, list[Callable[[Any], None]]] = {}

    async def load(self) -> None:
        """Read what is stored; a value that no longer fits its setting is passed over."""
        for key, text in (await self._stored.all()).items():
            setting = ALL.get(key.partition(_OF)[0])
            if setting is not None:
                with suppress(UserError):
                    self._values[key] = read(setting, text)

    def __getitem__(self, setting: Setting[T]) -> T:
        value: T = self._values.get(setting.key, setting.default)
        return value

    def of(self, person: int, setting: Setting[T]) -> T:
        """What is in force for a person's jobs, by Telegram's id; 0 is the owner, for whom it is the common one."""
        value: T = self._values.get(_own(setting.key, person), self[setting])
        return value

    def own(self, person: int) -> dict[str, str]:
        """The settings that are others for this person, by key, as they are shown."""
        found = [one for one in ALL.values() if _own(one.key, person) in self._values and person]
        return {one.key: one.show(self.of(person, one)) for one in found}

    def forget(self, person: int) -> None:
        """Know no more what somebody had set, whose values are stored no more."""
        for key in ALL if person else ():
            self._values.pop(_own(key, person), None)

    def follow(self, setting: Setting[T], told: Callable[[T], None]) -> None:
        """Tell the value that is in force now, and each later one as soon as it is."""
        self._followers.setdefault(setting.key, []).append(told)
        told(self[setting])

    def changed(self, setting: Setting[Any]) -> bool:
        """Whether the setting differs from its default."""
        return bool(self[setting] != setting.default)

    async def set(self, key: str, text: str, person: int = 0) -> Setting[Any]:
        """Store a value and put it in force, for all or for one person's jobs.

        Raises UserError for an unknown key, a value that does not fit, and a person's own where there is none.
        """
        setting = _for(key, person)
        value = read(setting, text)
        await self._stored.set(_own(key, person), setting.show(value))
        self._values[_own(key, person)] = value
        self._tell(setting)
        return setting

    async def unset(self, key: str, person: int = 0) -> Setting[Any]:
        """Return a setting to its default, or a person's own to the common one. Raises UserError for an unknown key."""
        setting = _for(key, person)
        await self._stored.unset(_own(key, person))
        self._values.pop(_own(key, person), None)
        self._tell(setting)
        return setting

    def _tell(self, setting: Setting[Any]) -> None:
        for told in self._followers.get(setting.key, ()):
            told(self[setting])


def read(setting: Setting[T], text: str) -> T:
    """The value that a text stands for. Raises UserError."""
    try:
        return setting.parse(text.strip())
    except (ValueError, KeyError):
        raise UserError(f"{quoted(text)} does not fit {setting.key}: it takes {setting.form}.") from None


def check(key: str, text: str) -> None:
    """See whether a value may be stored under a key, which may be a person's own. Raises UserError."""
    name, _, person = key.partition(_OF)
    number = int(person) if person.isascii() and person.isdigit() else 0
    read(_for(name if key == _own(name, number) else key, number), text)


def _own(key: str, person: int) -> str:
    return f"{key}{_OF}{person}" if person else key


def _for(key: str, person: int) -> Setting[Any]:
    setting = find(key)
    if person and not setting.personal:
        one_by_one = ", ".join(one.key for one in ALL.values() if one.personal)
        raise UserError(f"{key} is the same for all; for one person there are {one_by_one}.")
    return setting
