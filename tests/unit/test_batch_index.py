"""The index of a batch: sections, titles, links, and messages that Telegram takes."""

import pytest
from telethon.extensions import html

from medusa.batches.index import index_of
from medusa.model import JobState, Order, Spot
from medusa.storage.batches import Batch, BatchItem, BatchState, ItemState, Outcome, Places
from medusa.telegram.messages import units

CHANNEL = Spot(-1001500000001)


def batch(name: str = "Course", items: int = 3) -> Batch:
    return Batch(1, 1, 1, name, BatchState.DONE, Places.TEXT, str(CHANNEL), items, "", 0.0, 0.0, 1.0, indexed=True)


def outcome(seq: int, name: str, state: ItemState = ItemState.DONE, section: str = "", total: int = 3) -> Outcome:
    order = Order("https://a.b/c", index=seq, total=total, section=section)
    item = BatchItem(1, seq, seq, name, order, state, 1, 100 + seq, seq, "")
    return Outcome(item, JobState.DONE, "", "Its title", 100 + seq)


def test_titles_stand_by_section_with_their_links() -> None:
    lines = [
        outcome(1, "One", section="A"),
        outcome(2, "<b>Two</b>", ItemState.FAILED, "A"),
        outcome(3, "", section="B"),
        outcome(4, "Gone", ItemState.DROPPED),
    ]
    [page] = index_of(batch(), lines, CHANNEL)
    plain, entities = html.parse(page)
    assert plain == "Course\n\nA\n1. One\n✗ 2. <b>Two</b>\n\nB\n3. Its title"
    links = [entity.url for entity in entities if hasattr(entity, "url")]
    assert links == [f"https://t.me/c/1500000001/{number}" for number in (101, 102, 103)]


def test_saved_messages_have_titles_without_links() -> None:
    [page] = index_of(batch(), [outcome(1, "One")], Spot(5))
    assert html.parse(page)[0] == "Course\n1. One"
    assert "href" not in page


@pytest.mark.parametrize(("name", "count"), [("N", 450), ("𝕏" * 200, 300)])
def test_a_long_index_is_split_as_telegram_wants_it(name: str, count: int) -> None:
    lines = [outcome(at, f"{name}{at}", section=f"S{at // 7}", total=count) for at in range(1, count + 1)]
    pages = index_of(batch(items=count), lines, CHANNEL)
    found = [html.parse(page) for page in pages]
    assert all(units(plain) <= 4000 and len(entities) <= 100 for plain, entities in found)
    assert sum(plain.count(". ") for plain, _ in found) == count
    assert not any(plain.splitlines()[-1].startswith("S") for plain, _ in found)
