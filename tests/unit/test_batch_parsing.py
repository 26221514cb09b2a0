"""Lists of links as people write them."""

import pytest

from medusa.batches.parsing import MOST_LINES, Item, decoded, parse
from medusa.errors import UserError

A, B = "https://example.com/a.mp4", "http://example.com/b?x=1|2:3"


@pytest.mark.parametrize(
    ("line", "name", "link", "options"),
    [
        (A, "", A, ""),
        (f"Lesson 1:{A}", "Lesson 1", A, ""),
        (f"Lesson 1: {A}", "Lesson 1", A, ""),
        (f"Part 2: the sea : {B}", "Part 2: the sea", B, ""),
        (f"Lesson | {A}", "Lesson", A, ""),
        (f"Lesson - {A}", "Lesson", A, ""),
        (f"well-known {A}", "well-known", A, ""),
        (f"Урок 3:{A} -q 720 --silent", "Урок 3", A, "-q 720 --silent"),
        (f"  12. Intro:{A}  ", "12. Intro", A, ""),
        ("Post:tg://resolve?domain=a&post=1", "Post", "tg://resolve?domain=a&post=1", ""),
        (f"Evil\u202egpj.:{A}", "Evilgpj.", A, ""),
    ],
)
def test_a_line_is_name_link_and_options(line: str, name: str, link: str, options: str) -> None:
    assert parse(line).items == (Item(1, name, link, "", options),)


@pytest.mark.parametrize("heading", ["## Week 1", "## Week 1 ##", "[Week 1]", "== Week 1 ==", "--- Week 1 ---"])
def test_headings_are_sections(heading: str) -> None:
    found = parse(f"{A}\n\n{heading}\nOne:{B}")
    assert [(item.line, item.section) for item in found.items] == [(1, ""), (4, "Week 1")]
    assert found.rejected == ()


def test_comments_and_empty_lines_are_passed_over() -> None:
    found = parse(f"# {A}\n// old: {B}\n; note\n   \n{A}")
    assert [item.line for item in found.items] == [5]
    assert found.rejected == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Only a name", "has no link"),
        ("Name:", "has no link"),
        (f"{A} and more words", "no option"),
        ("ftp://example.com/a", "has no link"),
        ("x:https://" + "a" * 9000, "too long"),
    ],
)
def test_what_means_nothing_is_named_with_its_line(line: str, reason: str) -> None:
    [rejected] = parse(f"\n{line}").rejected
    assert (rejected.line, reason in rejected.reason) == (2, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_texts_in_all_encodings(encoding: str) -> None:
    text = f"Lektion für alle:{A}\r\nzwei:{B}\r\n" * 3
    assert parse(decoded(text.encode(encoding))) == parse(text)


@pytest.mark.parametrize(
    "data", [b"", b" \n", b"\x89PNG\r\n\x1a\n" + bytes(50), b"\xff\xd8\xff\xe0", b"PK\x03\x04\xff"]
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(UserError):
        decoded(data)


def test_a_list_has_its_limit() -> None:
    assert len(parse(f"{A}\n" * MOST_LINES).items) == MOST_LINES
    with pytest.raises(UserError, match="5001"):
        parse(f"{A}\n" * (MOST_LINES + 1))
