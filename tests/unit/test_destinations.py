"""How the owner names chats, and what rules say; each a table."""

from pathlib import Path

import pytest

from medusa.channels.routes import conditions, deciding, kind_of, possible, read_rule
from medusa.channels.spelling import Named, destinations, named
from medusa.errors import UserError
from medusa.model import LocalFile, Media
from medusa.storage.channels import Rule
from medusa.telegram.inbox import _answered

TITLES = ["Films", "Old, new / borrowed", "Forum"]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("me", Named("me")),
        ("HERE", Named("here")),
        ("@Films_2", Named("name", "@films_2")),
        ("@films/7", Named("name", "@films", "7")),
        ("-1001234567890", Named("id", "-1001234567890")),
        ("-1001234567890/new:Music", Named("id", "-1001234567890", "new:Music")),
        ("https://t.me/films", Named("name", "@films", loosely=True)),
        ("t.me/films/12/345?single", Named("name", "@films", "12", loosely=True)),
        ("https://t.me/c/1234567890", Named("id", "-1001234567890", loosely=True)),
        ("https://t.me/c/1234567890/5", Named("id", "-1001234567890", "5", loosely=True)),
        ("films", Named("title", "films")),
        ("Forum/General talk", Named("title", "Forum", "General talk")),
        ("old, new / borrowed", Named("title", "old, new / borrowed")),
        ("new:  Two   words ", Named("new", "Two words")),
        ("NEW:A/B", Named("new", "A/B")),
    ],
)
def test_a_chat_is_named(text: str, meant: Named) -> None:
    assert named(text.removesuffix("?single"), TITLES) == meant


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("", "Which chat"),
        (" \u202e ", "Which chat"),
        ("@x", "is no name that Telegram gives"),
        ("new:", "needs a name"),
        ("new:   ", "needs a name"),
        ("new:" + "x" * 199, "more than the 128 characters"),
        ("https://t.me/+AbCd", "invitation"),
        ("t.me/joinchat/AbCd", "invitation"),
        ("https://t.me/c/films", "leads to no chat"),
    ],
)
def test_what_names_no_chat_is_refused(text: str, answer: str) -> None:
    with pytest.raises(UserError, match=answer):
        named(text, TITLES)


def test_several_chats_are_named_each_once() -> None:
    found = destinations("me,Films\nOld, new / borrowed\nme, @other", TITLES)
    assert [one.chat or one.how for one in found] == ["me", "Films", "Old, new / borrowed", "@other"]
    with pytest.raises(UserError, match="20 chats; name at most 10"):
        destinations(",".join(f"-100{number}" for number in range(20)), TITLES)
    with pytest.raises(UserError, match="Which chat"):
        destinations(" , ,", TITLES)


@pytest.mark.parametrize(
    ("words", "rule", "shown"),
    [
        ("www.YouTube.com", Rule("youtube.com", "", 0, 0, "1"), "youtube.com"),
        ("audio", Rule("", "audio", 0, 0, "1"), "audio"),
        ("VIDEO >1G", Rule("", "video", 10**9, 0, "1"), "video, over 1.0 GB"),
        ("10.0.0.5 >1.5M <2g", Rule("10.0.0.5", "", 1_500_000, 2 * 10**9, "1"), "10.0.0.5, over 1.5 MB, under 2.0 GB"),
    ],
)
def test_a_rule_is_read(words: str, rule: Rule, shown: str) -> None:
    assert read_rule(words.split(), "1") == rule
    assert conditions(rule) == shown


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("", "needs a condition"),
        ("vidio", "Did you mean video"),
        ("youtube", "is no condition"),
        (">1X", "is no condition"),
        (">0", "everything or nothing"),
        ("audio video", "only one such condition"),
        (">2G <1G", "larger than that and smaller"),
    ],
)
def test_what_is_no_rule_is_refused(words: str, answer: str) -> None:
    with pytest.raises(UserError, match=answer):
        read_rule(words.split(), "1")


RULES = [
    Rule("a.org", "", 10**6, 0, "1", 1),
    Rule("", "audio", 0, 0, "2", 2),
    Rule("a.org", "", 0, 0, "3", 3),
    Rule("", "", 0, 500, "4", 4),
]


@pytest.mark.parametrize(
    ("host", "kind", "count", "number"),
    [
        ("a.org", "video", 10**7, 1),
        ("cdn.a.org", "audio", 5, 2),
        ("a.org", "video", 10**6, 3),
        ("a.org", "video", 0, 3),
        ("ba.org", "video", 10**7, None),
        ("b.org", "audio", 10**7, 2),
        ("b.org", "file", 499, 4),
        ("b.org", "file", 0, None),
    ],
)
def test_the_first_rule_that_fits_decides(host: str, kind: str, count: int, number: int | None) -> None:
    found = deciding(RULES, host, kind, count)
    assert (found.id if found else None) == number


def test_no_rule_behind_one_that_decides_is_possible() -> None:
    assert [rule.id for rule in possible(RULES, "a.org")] == [1, 2, 3]
    assert [rule.id for rule in possible(RULES, "b.org")] == [2, 4]


@pytest.mark.parametrize(
    ("mime", "media", "kind"),
    [
        ("video/mp4", Media("mp4", 5.0, video_codec="h264", audio_codec="aac"), "video"),
        ("video/mp4", Media("mp4", 5.0, audio_codec="aac"), "audio"),
        ("image/png", None, "image"),
        ("audio/mpeg", None, "audio"),
        ("application/pdf", None, "file"),
        ("text/plain", None, "file"),
    ],
)
def test_the_kind_of_a_file(mime: str, media: Media | None, kind: str) -> None:
    assert kind_of(LocalFile(Path("x"), "x", mime, media)) == kind


class _Header:
    def __init__(self, message: int, top: int | None, forum: bool) -> None:
        self.reply_to_msg_id, self.reply_to_top_id, self.forum_topic = message, top, forum


@pytest.mark.parametrize(
    ("header", "topic", "reply_to"),
    [
        (None, None, None),
        (_Header(5, None, False), None, 5),
        (_Header(5, 4, False), None, 5),
        (_Header(7, None, True), 7, None),
        (_Header(7, 7, True), 7, None),
        (_Header(9, 7, True), 7, 9),
    ],
)
def test_a_message_in_a_topic_replies_to_nothing_by_itself(
    header: object, topic: int | None, reply_to: int | None
) -> None:
    assert _answered(header) == (topic, reply_to)
