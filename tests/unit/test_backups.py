"""Backups: when they are due, which stay, how they are named, how their key is spelt."""

import os
from datetime import datetime, timedelta

import pytest

from medusa.backups.naming import Part, backup_name, part_name, read_part
from medusa.backups.restore import newest, whole
from medusa.backups.spelling import MISTYPED, NO_KEY, read_key, spelt
from medusa.backups.times import Kept, due, kept, pause
from medusa.errors import UserError
from medusa.settings import BACKUP, BACKUP_KEEP, BACKUP_TO, LIVE_CAP

DAY = 86400.0


@pytest.mark.parametrize(
    ("last", "every", "is_due"),
    [
        (None, DAY, True),
        (None, None, False),
        (1e9, DAY, False),
        (1e9 - DAY + 1, DAY, False),
        (1e9 - DAY, DAY, True),
        (1e9 - 1000 * DAY, DAY, True),
        (1e9 + 30, DAY, False),  # a small correction of the clock
        (1e9 + 400 * DAY, DAY, True),  # the clock was wrong by a year: none is lost until then
    ],
)
def test_when_a_backup_is_due(last: float | None, every: float | None, is_due: bool) -> None:
    assert due(1e9, last, every) is is_due


def test_a_cron_expression_is_heeded_by_the_clock_of_the_machine() -> None:
    last = datetime(2026, 3, 1, 4).astimezone().timestamp()
    assert not due(last + DAY - 61, last, "0 4 * * *")
    assert due(last + DAY, last, "0 4 * * *")
    assert due(last + 300 * DAY, last, "0 4 * * *")
    assert due(last - 300 * DAY, last, "0 4 * * *")


def test_a_jump_of_the_clock_makes_one_backup_due_and_not_many() -> None:
    last, made = 1e9, 0
    for now in [1e9 + 10, 1e9 + 90 * DAY, 1e9 + 90 * DAY + 60, 1e9 + 20, 1e9 + 80, 1e9 + 140]:
        if due(now, last, DAY):
            last, made = now, made + 1
    assert made == 2  # one for each jump


def test_failures_are_tried_again_ever_more_seldom() -> None:
    assert [pause(count, DAY) for count in (1, 2, 3, 9, 40)] == [300, 600, 1200, 76800, DAY]


def test_days_weeks_and_months_keep_their_last_backups() -> None:
    start = datetime(2026, 3, 1, 12).astimezone()  # a Sunday
    times = [(start + timedelta(days=day, hours=hour)).timestamp() for day in range(120) for hour in (0, 5)]
    stay = sorted(datetime.fromtimestamp(at).astimezone() for at in kept(times, Kept(3, 2, 3)))
    assert [f"{at:%m-%d %H}" for at in stay] == ["04-30 17", "05-31 17", "06-21 17", "06-26 17", "06-27 17", "06-28 17"]
    assert kept(times, Kept(0, 0, 0)) == {max(times)}
    assert kept([], Kept(1, 1, 1)) == set()


def test_names_are_read_again_and_sort_by_time() -> None:
    first, second = backup_name(1e9), backup_name(1e9 + 1)
    assert first < second
    assert read_part(first) == Part(first, 1, 1)
    assert read_part(part_name(first, 2, 12)) == Part(first, 2, 12)
    assert read_part("medusa-20260101-000000-zzzzzzzz.backup") is None
    assert read_part(first + ".1of2.txt") is None


def test_the_newest_whole_backup_is_found_among_torn_ones() -> None:
    old, torn = backup_name(1e9), backup_name(1e9 + 5)
    names = ["other.txt", part_name(torn, 1, 2), part_name(old, 2, 2), part_name(old, 1, 2)]
    assert sorted(newest(names)) == [part_name(old, 1, 2), part_name(old, 2, 2)]
    assert newest(["other.txt"]) == []
    with pytest.raises(UserError, match=r"Part 2 of 2 of .* is missing"):
        whole({part_name(torn, 1, 2): 0})
    with pytest.raises(UserError, match="of several backups"):
        whole({old: 0, torn: 0})


def test_a_key_survives_handwriting_and_shows_slips() -> None:
    key = os.urandom(32)
    text = spelt(key)
    assert len(text.split("-")) == 14
    assert read_key(text) == read_key(f"  {text.lower().replace('-', ' ')}\n") == key
    assert read_key(text.replace("O", "0").replace("I", "1").replace("B", "8")) == key
    other = "A" if text[0] != "A" else "C"
    for wrong, words in ((other + text[1:], MISTYPED), (text[:-1], NO_KEY), ("", NO_KEY), ("ü" * 56, NO_KEY)):
        with pytest.raises(UserError) as refused:
            read_key(wrong)
        assert refused.value.user_text == words


@pytest.mark.parametrize(
    ("setting", "text", "shown"),
    [
        (BACKUP, "every 36 h", "36h"),
        (BACKUP, "24h", "1d"),
        (LIVE_CAP, "2h 30m", "2 h 30 min"),
        (LIVE_CAP, "2 h 30 min", "2 h 30 min"),
        (BACKUP, "OFF", "off"),
        (BACKUP, " 0  4 * * *", "0 4 * * *"),
        (BACKUP_TO, "Folder, me,-100123 , /mnt/usb", "folder, me, -100123, /mnt/usb"),
        (BACKUP_KEEP, "7d4w 6m", "7d 4w 6m"),
    ],
)
def test_settings_are_read(setting: object, text: str, shown: str) -> None:
    assert setting.show(setting.parse(text)) == shown  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        (BACKUP, "5m"),
        (BACKUP, "0h"),
        (LIVE_CAP, "90s"),
        (LIVE_CAP, "13h"),
        (BACKUP, "31d"),
        (BACKUP, "90m"),
        (BACKUP, "*/5 * * * *"),
        (BACKUP, "0 4 31 2 *"),
        (BACKUP, "0 25 * * *"),
        (BACKUP, "٣d"),
        (BACKUP_TO, ""),
        (BACKUP_TO, "relative/path"),
        (BACKUP_TO, "12345"),
        (BACKUP_TO, "me,folder,-1,-2,-3,-4"),
        (BACKUP_KEEP, "7 4 6"),
        (BACKUP_KEEP, "100d 1w 1m"),
    ],
)
def test_what_does_not_fit_a_setting_is_refused(setting: object, text: str) -> None:
    with pytest.raises(ValueError):
        setting.parse(text)  # type: ignore[attr-defined]
