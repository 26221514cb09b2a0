"""The library on a real encrypted file."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from medusa.model import Job, JobState
from medusa.storage import Store, open_store
from medusa.storage.library import Posts
from medusa.storage.outbox import Entry, Outbox
from tests.integration.storage_kit import CHAT, HIGHEST, add, order, posted, put_entries, shown


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def test_a_post_is_remembered_with_its_message_id_or_not_at_all(store: Store) -> None:
    post = await posted(store, 7)
    assert post == replace(shown(Job(1, JobState.DONE, order(1), CHAT, 7, 0.0), message_id=7, id=1), title="Der Fluß ?")
    [entry] = await Outbox(store).entries(1)
    assert (entry.message_id, entry.content) == (7, b"c" * 32)
    [job] = await add(store, 8)
    await put_entries(store, Entry(job.id, 0, CHAT, 8, "media", 1, 2, b"r"))
    with pytest.raises(OverflowError):
        await Outbox(store).posted(job.id, {0: 8}, [shown(job, document_id=2**63)])
    assert [entry.message_id for entry in await Outbox(store).entries(job.id)] == [None]
    assert await Posts(store).recent(9, HIGHEST) == [post]


async def test_posts_are_found_by_source_content_and_document_the_newest_first(store: Store) -> None:
    posts = Posts(store)
    first = await posted(store, 1)
    other = await posted(store, 2, chat_id=5, name="other.mp4", document_id=4)
    plain = await posted(store, 3, source=b"t" * 32, as_document=True, media=None, content=None)
    assert [await posts.of_source(b"s" * 32), await posts.of_source(b"s" * 32, CHAT)] == [other, first]
    assert [await posts.of_source(b"t" * 32), await posts.of_source(b"t" * 32, 5)] == [plain, None]
    names = (None, "film.mp4", "x")
    found = [await posts.of_content(2**40, b"c" * 32, as_document=False, name=name) for name in names]
    assert found == [other, first, None]
    assert await posts.of_content(2**40, b"c" * 32, as_document=True, name=None) is None
    assert [await posts.has_size(size) for size in (2**40, 5)] == [True, False]
    assert [await posts.of_document(number) for number in (4, HIGHEST, 9)] == [other, plain, None]
    assert await posts.get(2) == other
    assert await posts.recent(2, 3) == [other, first]


async def test_posts_are_found_by_the_words_that_they_show(store: Store) -> None:
    posts = Posts(store)
    first = await posted(store, 1)
    other = await posted(store, 2, title='C++ & "quotes"', name="b.mp4", caption="", link="https://example.org/x")
    for text in ("creme", "BRULEE crè", "fluß film", "watch", "film.mp4"):
        assert await posts.find(text, 9, HIGHEST) == [first], text
    assert await posts.find("example", 9, HIGHEST) == [other, first]
    assert await posts.find("example", 1, HIGHEST) == [other]
    assert await posts.find("example", 9, 2) == [first]
    for text in ("c++ quotes", "QUOT*"):
        assert await posts.find(text, 9, HIGHEST) == [other]
    for text in ("", "***", '"film" OR nothing', "rulee", "\udc80"):
        assert await posts.find(text, 9, HIGHEST) == []
    await posts.forget(first.id)
    assert await posts.find("film", 9, HIGHEST) == []
    assert await posts.get(first.id) is None


async def test_words_are_indexed_when_they_are_looked_for(store: Store) -> None:
    """Between the searches posts come and go, also those that were never indexed, and the newest."""
    posts = Posts(store)
    first, second = await posted(store, 1), await posted(store, 2)
    await posts.forget(second.id)
    assert await posts.find("film", 9, HIGHEST) == [first]
    commits = store.commits
    assert await posts.find("film", 9, HIGHEST) == [first]
    assert store.commits == commits
    third, fourth = await posted(store, 3), await posted(store, 4)
    await posts.forget(first.id)
    assert await posts.find("film", 9, HIGHEST) == [fourth, third]
    await posts.forget(fourth.id)
    fifth = await posted(store, 5, title="Fifth")
    assert await posts.find("film", 9, HIGHEST) == [fifth, third]
    assert await posts.find("fifth", 9, HIGHEST) == [fifth]
    async with store.write() as db:
        await db.run("INSERT INTO library_words (library_words, rank) VALUES ('integrity-check', 1)")
