"""Knows the registered channels, what holds for posts there, and the rules that choose between them."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from medusa.captions import checked
from medusa.errors import UserError
from medusa.model import Order, Spot
from medusa.names import display_name, quoted
from medusa.settings import CHATS, QUALITY, SILENT, Settings, read
from medusa.steps import all_wishes
from medusa.storage.channels import Channel, ChannelTable, Rule

SWITCHES = ("silent", "spoiler", "protect")
MOST = 200
"""Channels that can be registered, and rules that there can be."""
_LONGEST_CAPTION = 1024
"""Characters of a caption that is kept."""


class Registry:
    """The registered channels and the rules, in memory as they stand in the table.

    Registered are the channels in which the owner works: commands are obeyed there, `/dl` finds them by title, and
    defaults can be given for them. The setting ``chats`` only names further chats in which commands are obeyed.
    """

    def __init__(self, table: ChannelTable, settings: Settings) -> None:
        self._table = table
        self._settings = settings
        self.channels: Mapping[int, Channel] = {}
        self.rules: list[Rule] = []

    async def load(self) -> None:
        """Read what is stored."""
        self.channels = {one.chat_id: one for one in await self._table.all()}
        self.rules = await self._table.rules()

    @property
    def obeyed(self) -> tuple[int, ...]:
        """The chats beside Saved Messages in which commands are obeyed."""
        return tuple(sorted({*self.channels, *self._settings[CHATS]}))

    @property
    def titles(self) -> list[str]:
        """The titles by which chats are found."""
        return [one.title for one in self.channels.values()]

    def titled(self, title: str) -> Channel | None:
        """The registered channel of this title, or None; letters' case does not matter. Raises UserError for several.

        The title is compared as lists show it.
        """
        found = [one for one in self.channels.values() if one.title.casefold() == display_name(title).casefold()]
        if len(found) > 1:
            ids = " or ".join(str(one.chat_id) for one in found)
            raise UserError(f"{len(found)} registered channels are called {quoted(title)}: name one by its id, {ids}.")
        return found[0] if found else None

    def unknown(self, title: str) -> UserError:
        """What to say to a title that none has."""
        folded = {one.casefold(): one for one in self.titles}
        near = get_close_matches(title.casefold(), folded, n=1)
        hint = f"Did you mean {quoted(folded[near[0]])}?" if near else "See /channels, or add it with /channel add."
        return UserError(f"There is no registered channel called {quoted(title)}. {hint}")

    async def add(self, chat_id: int, title: str, kind: str) -> Channel:
        """Register a channel, or learn its new title; what was set for it stays. Raises UserError for too many."""
        known = self.channels.get(chat_id)
        channel = Channel(chat_id, display_name(title) or str(chat_id), kind, known.defaults if known else {})
        if known is None and len(self.channels) >= MOST:
            raise UserError(f"{MOST} channels are registered already; /channel remove makes room.")
        if channel != known:
            await self._table.put(channel)
            await self.load()
        return channel

    async def forget(self, chat_id: int) -> None:
        """Register a channel no more. Raises UserError while a rule leads there."""
        if rule := next((one for one in self.rules if Spot.read(one.spot).chat_id == chat_id), None):
            raise UserError(f"Rule {rule.id} posts there; /route remove {rule.id} first.")
        await self._table.forget(chat_id)
        await self.load()

    async def set_defaults(self, channel: Channel, values: Mapping[str, str]) -> Channel:
        """Set what holds for posts in a channel; an empty value takes back what was set. Raises UserError."""
        read_values = {name: _default(name, value) for name, value in values.items()}
        merged = {**channel.defaults, **read_values}
        channel = replace(channel, defaults={name: value for name, value in sorted(merged.items()) if value})
        await self._table.put(channel)
        await self.load()
        return channel

    async def add_rule(self, rule: Rule) -> Rule:
        """Add a rule behind the others and return it with its number. Raises UserError for too many."""
        if len(self.rules) >= MOST:
            raise UserError(f"There are {MOST} rules already; /route remove makes room.")
        number = await self._table.add_rule(rule)
        await self.load()
        return replace(rule, id=number)

    async def remove_rule(self, number: int) -> None:
        """Remove a rule. Raises UserError when there is none of that number."""
        if not await self._table.remove_rule(number):
            raise UserError(f"There is no rule {number}. See /routes.")
        await self.load()

    async def begin(self, title: str, before: Collection[int]) -> None:
        """Note that a channel is about to be made."""
        await self._table.begin(title, sorted(before))

    async def begun(self, title: str) -> list[int] | None:
        """Which chats had the title before one was made that nobody knows the end of; None when none was."""
        return await self._table.begun(title)

    def holding(self, channel: Channel) -> dict[str, str]:
        """What holds for posts in a channel, as it is shown: a switch that is off only where on is the rule."""
        usual = "" if self._settings[SILENT] else "off"
        return {name: value for name, value in channel.defaults.items() if name not in SWITCHES or value != usual}

    def with_defaults(self, order: Order, given: Collection[str]) -> Order:
        """The order with what holds for posts where it goes, but for what its command has said.

        ``given`` names the options of the command. Of several places the first counts; one protected is enough.
        """
        places = [self.channels.get(spot.chat_id) for spot in order.spots]
        first = (places[0] if places else None) or Channel(0, "", "")
        defaults = first.defaults
        changes: dict[str, Any] = {
            name: defaults[name] == "on" for name in SWITCHES if name in defaults and name not in given
        }
        if any(one is not None and "protect" in one.defaults for one in places):
            changes["protect"] = True
        if "caption" in defaults and order.caption is None:
            changes["caption"] = defaults["caption"]
        if "quality" in defaults and "quality" not in given:
            changes["quality"] = defaults["quality"]
        if "thumb" in defaults and "thumb" in all_wishes() and "thumb" not in order.edits:
            changes["edits"] = {**order.edits, "thumb": defaults["thumb"]}
        return replace(order, **changes)


def fields() -> list[str]:
    """The names of what can be set for a channel."""
    return ["caption", "quality", *SWITCHES, *(["thumb"] if "thumb" in all_wishes() else [])]


def _default(name: str, value: str) -> str:
    """A value as it is kept, empty for what is the rule. Raises UserError."""
    if name not in fields():
        near = get_close_matches(name, fields(), n=1)
        hint = f"Did you mean {near[0]}=?" if near else f"There are {', '.join(fields())}."
        raise UserError(f"{quoted(name)} can't be set for a channel. {hint}")
    if not value.strip():
        return ""
    if name in SWITCHES:
        if value.lower() not in ("on", "off"):
            raise UserError(f"{name} is on or off, not {quoted(value)}.")
        # Nothing but a chat says the others, so that off is what holds without a word.
        return value.lower() if value.lower() == "on" or name == "silent" else ""
    if name == "quality":
        return read(QUALITY, value)
    if name == "thumb":
        return all_wishes()["thumb"].read(value)
    if len(value) > _LONGEST_CAPTION:
        raise UserError(f"A caption has at most {_LONGEST_CAPTION} characters, not {len(value)}.")
    return checked(value)
