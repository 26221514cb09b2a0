"""Settings: the rates that are understood, and who hears of a change."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa.errors import UserError
from medusa.settings import ALL, CHATS, KEEP, LIMIT_DOWN, LIMIT_UP, PREFIX, QUALITY, Settings
from medusa.storage import open_store
from medusa.storage.settings import StoredSettings


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[StoredSettings]:
    async with open_store(tmp_path / "state") as store:
        yield StoredSettings(store)


@pytest.mark.parametrize(
    ("text", "rate", "shown"),
    [
        ("2M", 2_000_000, "2 MB/s"),
        ("500K", 500_000, "500 kB/s"),
        ("500 kB/s", 500_000, "500 kB/s"),
        ("1.5 MB", 1_500_000, "1.5 MB/s"),
        ("1,5mb", 1_500_000, "1.5 MB/s"),
        ("10K", 10_000, "10 kB/s"),
        ("123456", 123_456, "123.456 kB/s"),
        ("1234567B", 1_234_567, "1.234567 MB/s"),
        ("100M", 100_000_000, "100 MB/s"),
        ("10G", 10_000_000_000, "10000 MB/s"),
        ("off", None, "off"),
        ("OFF", None, "off"),
    ],
)
def test_rates_in_every_spelling(text: str, rate: int | None, shown: str) -> None:
    assert LIMIT_UP.parse(text) == rate
    assert LIMIT_UP.show(rate) == shown
    assert LIMIT_UP.parse(shown) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "2",
        "9999",
        "9.9K",
        "11G",
        "1e9",
        "2T",
        "2 Mbit",
        "16Mbit/s",
        "fast",
        "M",
        "1.M",
        "٣M",
        "nan",
        "inf",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        LIMIT_UP.parse(text)


def test_a_rate_of_many_digits_is_refused() -> None:
    with pytest.raises(ValueError):
        LIMIT_UP.parse("9" * 5000)


@pytest.mark.parametrize("setting", ALL.values(), ids=lambda setting: setting.key)
def test_defaults_can_be_written_as_they_are_shown(setting: object) -> None:
    assert setting.parse(setting.show(setting.default)) == setting.default  # type: ignore[attr-defined]


async def test_followers_hear_of_the_value_now_and_of_each_change(stored: StoredSettings) -> None:
    await stored.set("limit-up", "3 MB/s")
    settings = Settings(stored)
    await settings.load()
    up: list[int | None] = []
    down: list[int | None] = []
    settings.follow(LIMIT_UP, up.append)
    settings.follow(LIMIT_DOWN, down.append)
    await settings.set("limit-up", "2M")
    with pytest.raises(UserError, match="“2” does not fit limit-up: it takes bytes a second"):
        await settings.set("limit-up", "2")
    await settings.set("silent", "on")
    await settings.unset("limit-up")
    assert up == [3_000_000, 2_000_000, None]
    assert down == [None]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("keep-history", "9999d"),
        ("keep-history", "30y"),
        ("keep-history", "9999y"),
        ("keep-audit", "400m"),
        ("keep-traffic", "9999w"),
        ("budget-down", "1234.567G"),
        ("budget-up", "1000.001M"),
        ("limit-up", "1.000001G"),
        ("live-cap", "61m"),
        ("backup", "719h"),
    ],
)
async def test_what_was_set_is_the_same_after_a_start(stored: StoredSettings, key: str, text: str) -> None:
    settings, later = Settings(stored), Settings(stored)
    setting = await settings.set(key, text)
    await later.load()
    assert later[setting] == settings[setting] != setting.default


@pytest.mark.parametrize("text", ["0d", "9999999y", "10000y", "3650000d", "1.5y", "-1d"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        KEEP["history"].parse(text)


async def test_a_stored_value_that_no_longer_fits_is_passed_over(stored: StoredSettings) -> None:
    await stored.set("limit-up", "plenty")
    settings = Settings(stored)
    await settings.load()
    assert settings[LIMIT_UP] is None


@pytest.mark.parametrize(
    ("text", "chats"), [("-1001234567890, 5", (-1001234567890, 5)), ("5 6", (5, 6)), ("none", ()), ("None", ())]
)
def test_chats_are_read(text: str, chats: tuple[int, ...]) -> None:
    assert CHATS.parse(text) == chats


@pytest.mark.parametrize("text", ["", ",", "@films", "1_0", "-1009999999999999999999", "--5"])
def test_what_are_no_chats_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        CHATS.parse(text)


@pytest.mark.parametrize(("text", "height"), [("720", "720"), ("96P", "96"), ("4320p", "4320"), ("Best", "best")])
def test_a_quality_may_be_set_that_may_be_asked_for(text: str, height: str) -> None:
    assert QUALITY.parse(text) == height


@pytest.mark.parametrize("text", ["", "7", "072", "43200", "720q", "ask"])
def test_what_is_no_quality_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        QUALITY.parse(text)


@pytest.mark.parametrize(("text", "prefixes"), [("/.", "/."), ("“!”", "!"), ('"#"', "#")])
def test_prefixes_are_shown_in_quotes(text: str, prefixes: str) -> None:
    assert PREFIX.parse(text) == prefixes
    assert PREFIX.show(prefixes) == f"“{prefixes}”"
