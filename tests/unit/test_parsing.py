"""Commands as people type them, phones' typography included."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.commands import Option
from medusa.commands.parsing import moment, names_secret, numbers, parts, priority, split_options, tokens
from medusa.errors import UserError
from medusa.model import Priority

OPTIONS = (
    Option(("-q", "--quality"), "", "a height"),
    Option(("-n", "--name"), "", "a name"),
    Option(("--silent",), ""),
    Option(("--header",), "", "a header", many=True, secret=True),
)


@pytest.mark.parametrize(
    ("text", "words", "options"),
    [
        ("https://a.b/c", ["https://a.b/c"], {}),
        ("-q 720 https://a.b/c", ["https://a.b/c"], {"quality": "720"}),
        ("https://a.b/c --quality=720 --silent", ["https://a.b/c"], {"quality": "720", "silent": "on"}),
        ('x -n "two words" y', ["x", "y"], {"name": "two words"}),
        ('x --name="two words"', ["x"], {"name": "two words"}),
        ("x -n 'two words'", ["x"], {"name": "two words"}),
        ("x -n “two words”", ["x"], {"name": "two words"}),
        ("x —silent", ["x"], {"silent": "on"}),
        ("x –silent", ["x"], {"silent": "on"}),
        ("x -n it's", ["x"], {"name": "it's"}),
        ("x 'tis", ["x", "'tis"], {}),
        ('x -n "never closed', ["x"], {"name": "never closed"}),
        ('"--silent"', ["--silent"], {}),
        ("set -100123", ["set", "-100123"], {}),
        ("a - b", ["a", "-", "b"], {}),
        ("a\n\tb", ["a", "b"], {}),
        ("-q 720 -q 480", [], {"quality": "480"}),
        ("--header 'a: b' x --header=c", ["x"], {"header": "a: b\nc"}),
        ('caption="a -b" x', ["caption=a -b", "x"], {}),
        ("https://a.b/?x=1&y='2'", ["https://a.b/?x=1&y='2'"], {}),
    ],
)
def test_words_and_options(text: str, words: list[str], options: dict[str, str]) -> None:
    assert split_options(text, OPTIONS) == (tuple(words), options)


@pytest.mark.parametrize(
    ("text", "hint"),
    [("x --qualty 5", "--quality"), ("x --silnt", "--silent"), ("x -q", "takes a value"), ("x --zzz", "no option")],
)
def test_wrong_options_are_named(text: str, hint: str) -> None:
    with pytest.raises(UserError, match=hint):
        split_options(text, OPTIONS)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    assert all(token or quoted for token, quoted in tokens(text))
    try:
        split_options(text, OPTIONS)
    except UserError as error:
        assert error.user_text


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["3"], [3]),
        (["#3"], [3]),
        (["1,4-6"], [1, 4, 5, 6]),
        (["2", "2-3"], [2, 3]),
        (["3", "5-9", "12"], [3, 5, 6, 7, 8, 9, 12]),
        (["#3,", "#5-#6"], [3, 5, 6]),
        (["1,", ",2"], [1, 2]),
        (["1", ",", "2"], [1, 2]),
        (["1–3", "7—#8"], [1, 2, 3, 7, 8]),
        (["１-３", "٤"], [1, 2, 3, 4]),
        (["1234567890"], [1234567890]),
        ([], []),
    ],
)
def test_numbers(words: list[str], found: list[int]) -> None:
    assert numbers(words) == found


@pytest.mark.parametrize(
    "word", ["x", "1-", "9-3", "1-99999999", "1-1000000", "1234567890" * 2, "-4", "1.5", "²", "", ",", "1-3-5"]
)
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(UserError, match="“"):
        numbers([word])


def test_a_range_of_a_million_is_answered_in_words() -> None:
    with pytest.raises(UserError, match="“1-1000000” names too many jobs at once; name at most 10000"):
        numbers(["1-1000000"])
    with pytest.raises(UserError, match="“1-1000000000000” names too many"):
        numbers(["1-1000000000000"])
    with pytest.raises(UserError, match="too many"):
        numbers(["1-6000", "7000-13000"])


@pytest.mark.parametrize(("word", "found"), [("high", Priority.HIGH), ("LOW", Priority.LOW), ("n", Priority.NORMAL)])
def test_priority(word: str, found: Priority) -> None:
    assert priority(word) is found


@pytest.mark.parametrize("word", ["", "urgent", "highest"])
def test_what_is_no_priority(word: str) -> None:
    with pytest.raises(UserError, match="high, normal or low"):
        priority(word)


NOON = time.mktime((2026, 6, 15, 12, 0, 0, 0, 0, -1))


@pytest.mark.parametrize(
    ("text", "day", "clock"),
    [
        ("18:30", 15, "18:30"),
        ("7:05", 16, "07:05"),
        ("12:00", 16, "12:00"),
        ("2026-06-20 07:00", 20, "07:00"),
        ("2026-6-20T7:00", 20, "07:00"),
        ("+2h", 15, "14:00"),
        ("+1d1h5m", 16, "13:05"),
        ("+90min", 15, "13:30"),
    ],
)
def test_moments(text: str, day: int, clock: str) -> None:
    assert time.strftime("%d %H:%M", time.localtime(moment(text, NOON))) == f"{day} {clock}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no time"),
        ("soon", "is no time"),
        ("25:00", "is no time"),
        ("12:60", "is no time"),
        ("18", "is no time"),
        ("+", "is no time"),
        ("+h", "is no time"),
        ("+2", "is no time"),
        ("+0h", "has passed"),
        ("+2x", "is no time"),
        ("2026-02-30 07:00", "is no time"),
        ("2026-06-20", "is no time"),
        ("0001-01-01 07:00", "has passed|is no time"),
        ("2026-06-15 11:59", "has passed"),
        ("2027-12-01 07:00", "more than a year"),
        ("+9999d", "more than a year"),
    ],
)
def test_what_is_no_moment(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        moment(text, NOON)
    assert "\n" not in refused.value.user_text


@given(st.text(alphabet="0123456789:-+ Tdhm٣²"))
def test_no_text_breaks_the_clock(text: str) -> None:
    try:
        assert moment(text, NOON) > NOON
    except UserError as error:
        assert error.user_text


@pytest.mark.parametrize("text", ["x --header a", "x —header a", "--header='a: b'", "x --header", "'--header' a"])
def test_a_secret_is_seen_wherever_its_option_stands(text: str) -> None:
    assert names_secret(text, OPTIONS)


@pytest.mark.parametrize("text", ["x --name a", "header", "x --headers", ""])
def test_other_words_hold_no_secret(text: str) -> None:
    assert not names_secret(text, OPTIONS)


def test_a_text_is_taken_to_parts() -> None:
    assert parts("x --header='Key: one two'") == {"x", "--header", "Key:", "one", "two"}
