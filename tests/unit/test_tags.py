"""Marks of posts: read again by who has the key, and proof against strangers."""

import pytest

from medusa.errors import UserError
from medusa.storage.tag_key import TagKey
from medusa.tags import Tags

SOURCE, CHAT, SIZE = b"s" * 32, -1001234567890, 12345


class Table(TagKey):
    """A key without a store."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    async def load(self) -> bytes:
        return self.key

    async def put(self, key: bytes) -> None:
        self.key = key


async def tags(key: bytes = b"k" * 20) -> Tags:
    made = Tags(Table(key))
    await made.load()
    return made


async def test_a_mark_is_read_again() -> None:
    one = await tags()
    mark = one.mark(SOURCE, SIZE, CHAT)
    assert len(mark) == 22
    assert one.read(f"A title\n{mark}", SIZE, CHAT) == one.alias(SOURCE)
    assert one.without(f"A title\n{mark}") == "A title"


@pytest.mark.parametrize(("size", "chat"), [(SIZE + 1, CHAT), (SIZE, CHAT - 1)])
async def test_a_mark_that_was_moved_proves_nothing(size: int, chat: int) -> None:
    one = await tags()
    assert one.read(one.mark(SOURCE, SIZE, CHAT), size, chat) is None


async def test_a_mark_of_another_key_or_with_another_letter_proves_nothing() -> None:
    one, other = await tags(), await tags(b"o" * 20)
    mark = one.mark(SOURCE, SIZE, CHAT)
    assert other.read(mark, SIZE, CHAT) is None
    for at in range(2, 21):  # the last letter holds four bits that mean nothing
        changed = mark[:at] + ("a" if mark[at] != "a" else "b") + mark[at + 1 :]
        assert one.read(changed, SIZE, CHAT) is None


async def test_a_key_can_be_taken_over_and_nothing_else() -> None:
    one, other = await tags(), await tags(b"o" * 20)
    await other.adopt(one.key)
    assert other.mark(SOURCE, SIZE, CHAT) == one.mark(SOURCE, SIZE, CHAT)
    for wrong in ("", "abc", "ä" * 32, one.key + "aaaaaaaa"):
        with pytest.raises(UserError, match="no key of marks"):
            await other.adopt(wrong)
