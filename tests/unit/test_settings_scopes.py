"""Settings for all, for one person, and in one chat: which holds, and what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from medusa.channels.registry import Registry
from medusa.commands.parsing import split_options
from medusa.commands.set import COMMAND
from medusa.errors import UserError
from medusa.model import Order
from medusa.settings import ALL, QUALITY, SILENT, Settings
from medusa.storage import open_store
from medusa.storage.channels import Channel, ChannelTable
from medusa.storage.settings import StoredSettings
from medusa.web.pages.settings import PAGE

ANNA, CHAT = 77, -1001


@dataclass(frozen=True, slots=True)
class Kept:
    """Settings and channels in one state, with one registered chat."""

    stored: StoredSettings
    settings: Settings
    registry: Registry

    @property
    def chat(self) -> Channel:
        return self.registry.channels[CHAT]

    def order(self, *given: str) -> Order:
        """What Anna asks for in the chat, by the settings and these switches."""
        silent = "silent" in given or self.settings.of(ANNA, SILENT)
        order = Order("https://a.b", quality=self.settings.of(ANNA, QUALITY), silent=silent, to=str(CHAT))
        return self.registry.with_defaults(order, given)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with open_store(tmp_path / "state") as store:
        stored = StoredSettings(store)
        settings = Settings(stored)
        registry = Registry(ChannelTable(store), settings)
        await registry.add(CHAT, "Films", "channel")
        yield Kept(stored, settings, registry)


async def test_what_is_nearest_holds(kept: Kept) -> None:
    assert kept.order().quality == "best"
    await kept.settings.set("quality", "1080")
    assert kept.order().quality == "1080"
    await kept.settings.set("quality", "720", ANNA)
    assert kept.order().quality == "720"
    await kept.registry.set_defaults(kept.chat, {"quality": "480"})
    assert kept.order().quality == "480"
    assert (kept.settings[QUALITY], kept.settings.of(0, QUALITY)) == ("1080", "1080")
    assert kept.settings.own(ANNA) == {"quality": "720"}


@pytest.mark.parametrize(
    ("common", "own", "chat", "given", "silent"),
    [
        ("off", "", "", "", False),
        ("on", "", "", "", True),
        ("on", "off", "", "", False),
        ("off", "on", "", "", True),
        ("off", "on", "off", "", False),
        ("on", "", "off", "", False),
        ("on", "off", "on", "", True),
        ("on", "", "off", "silent", True),
        ("off", "", "on", "", True),
    ],
)
async def test_a_switch_holds_in_both_directions(
    kept: Kept, common: str, own: str, chat: str, given: str, silent: bool
) -> None:
    await kept.settings.set("silent", common)
    if own:
        await kept.settings.set("silent", own, ANNA)
    await kept.registry.set_defaults(kept.chat, {"silent": chat})
    assert kept.order(*given.split()).silent is silent


async def test_a_chat_shows_off_only_where_on_is_the_rule(kept: Kept) -> None:
    await kept.registry.set_defaults(kept.chat, {"silent": "OFF", "protect": "off", "quality": "720p"})
    assert kept.registry.holding(kept.chat) == {"quality": "720"}
    await kept.settings.set("silent", "on")
    assert kept.registry.holding(kept.chat) == {"quality": "720", "silent": "off"}
    await kept.registry.set_defaults(kept.chat, {"silent": ""})
    assert kept.registry.holding(kept.chat) == {"quality": "720"}


async def test_a_persons_own_goes_back_to_the_common_one(kept: Kept) -> None:
    await kept.settings.set("quality", "720", ANNA)
    await kept.settings.set("quality", "1080")
    await kept.settings.unset("quality", ANNA)
    assert kept.settings.of(ANNA, QUALITY) == "1080"
    with pytest.raises(UserError, match="prefix is the same for all"):
        await kept.settings.set("prefix", "!", ANNA)
    with pytest.raises(UserError, match="does not fit quality"):
        await kept.settings.set("quality", "huge", ANNA)
    assert await kept.stored.all() == {"quality": "1080"}


async def test_a_persons_own_is_there_after_a_start_until_it_is_forgotten(kept: Kept) -> None:
    for key, value in {"quality@77": "720", "silent@77": "perhaps", "gone@77": "5", "quality@7": "480"}.items():
        await kept.stored.set(key, value)
    await kept.settings.load()
    assert kept.settings.own(ANNA) == {"quality": "720"}
    kept.settings.forget(ANNA)
    kept.settings.forget(0)
    assert kept.settings.own(ANNA) == {}
    assert kept.settings.own(7) == {"quality": "480"}


CHANGED = {
    "prefix": "!",
    "quality": "720",
    "chats": "-1001234567890, 5",
    "destination": "-1001234567890/5",
    "limit-down": "1.5M",
    "limit-up": "2M",
    "budget-down": "20G",
    "budget-up": "1.5T",
    "quiet-hours": "01:00-07:00, 12:00-13:00",
    "live-cap": "2h 30m",
    "per-host": "16",
    "allow": "nas.local:8080, 10.0.0.0/24",
    "recipes": "web=-crf 20 -an; tiny=--scale 50 -preset fast",
    "backup": "0 4 * * *",
    "backup-to": "folder, me, -1001234567890",
    "backup-keep": "7d 4w 6m",
}


@pytest.mark.parametrize("key", ALL)
def test_the_panel_sends_back_what_it_shows(key: str) -> None:
    setting = ALL[key]
    value = setting.parse(CHANGED.get(key) or ("90d" if key.startswith("keep-") else "on"))
    assert PAGE.words is not None
    name, _, rest = PAGE.words({"key": key, "value": setting.show(value)}).partition(" ")
    words, options = split_options(rest, COMMAND.options)
    assert (name, words[0], options) == ("set", key, {})
    assert setting.parse(" ".join(words[1:])) == value


@pytest.mark.parametrize("value", ["720 --for 77", "720 --chat Films", "--for=77 720"])
def test_a_field_of_the_panel_is_a_value_and_nothing_else(value: str) -> None:
    assert PAGE.words is not None
    words, options = split_options(PAGE.words({"key": "quality", "value": value})[4:], COMMAND.options)
    assert (words, options) == (("quality", value), {})


@pytest.mark.parametrize(("value", "words"), [("", "Which value"), ("  ", "Which value"), ("\"a\" 'b'", "quotes")])
def test_what_a_field_can_not_hold_is_refused(value: str, words: str) -> None:
    assert PAGE.words is not None
    with pytest.raises(UserError, match=words):
        PAGE.words({"key": "recipes", "value": value})
