"""Commands as people type them, phones' typography included."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medusa.commands import Option
from medusa.commands.parsing import numbers, split_options, tokens
from medusa.errors import UserError

OPTIONS = (
    Option(("-q", "--quality"), "", "a height"),
    Option(("-n", "--name"), "", "a name"),
    Option(("--silent",), ""),
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
        (["1,", ",2"], [1, 2]),
        ([], []),
    ],
)
def test_numbers(words: list[str], found: list[int]) -> None:
    assert numbers(words) == found


@pytest.mark.parametrize("word", ["x", "1-", "9-3", "1-99999999", "-4", "1.5", "²"])
def test_what_is_no_number(word: str) -> None:
    with pytest.raises(UserError, match="“"):
        numbers([word])
