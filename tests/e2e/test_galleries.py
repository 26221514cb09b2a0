"""Galleries of images come as albums, whole and in order, and so do all other jobs of several files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medusa.config import Config
from medusa.demo.samples import Samples
from medusa.demo.stage import Stage, open_stage
from medusa.sources import galleries
from tests.e2e.kit import send
from tests.integration.source_kit import Server, serving
from tests.pictures import GIF, PAGE, Body, gallery_site, png

pytest.importorskip("gallery_dl")


@dataclass(frozen=True)
class Here:
    stage: Stage
    site: Server

    def link(self, count: int) -> str:
        """The link of a status with so many images."""
        return f"mastodon:{self.site.url(f'/@me/{count}')}"

    async def fetch(self, count: int, options: str = "") -> str:
        """Order a gallery and return how it ended."""
        return self.end(await send(self.stage, f"/dl {self.link(count)} {options}"))

    def end(self, messages: Any) -> str:
        return next(str(one.text) for one in reversed(messages) if one.text[:1] in ("✓", "✗"))

    def posts(self, peer: int | None = None) -> list[Any]:
        return [one for one in self.stage.telegram.messages(peer) if getattr(one, "media", None)]

    def bytes_of(self, message: Any) -> bytes:
        stored = self.stage.telegram.file_of(message)
        assert stored is not None
        return stored.read()


@pytest.fixture
def body() -> dict[str, Body]:
    """What the site's images hold; a test may put something else there."""
    return {"of": png}


@pytest.fixture
async def here(
    config: Config, tmp_path: Path, samples: Samples, samples_folder: Path, body: dict[str, Body]
) -> AsyncIterator[Here]:
    async with _site(body) as site:
        allow = [f"127.0.0.1:{site.port}"]
        async with open_stage(config, tmp_path / "stage", samples_folder, allow) as stage:
            yield Here(stage, site)


@asynccontextmanager
async def _site(body: dict[str, Body]) -> AsyncIterator[Server]:
    async with serving(gallery_site(lambda number: body["of"](number))) as site:  # noqa: PLW0108 - it may change
        yield site


async def test_a_gallery_is_posted_as_albums_of_photos_in_order(here: Here) -> None:
    assert (await here.fetch(12)).startswith("✓ #1 My trip")
    posts = here.posts()
    assert [here.bytes_of(one) for one in posts] == [png(number) for number in range(1, 13)]
    assert all(one.media.photo for one in posts)
    assert len({one.grouped_id for one in posts[:10]}) == 1
    assert posts[10].grouped_id == posts[11].grouped_id != posts[0].grouped_id
    assert [one.message for one in posts] == ["My trip", *[""] * 11]
    assert here.stage.telegram.calls["messages.sendMultiMedia"] == 2

    sent = here.stage.telegram.payload
    messages = await send(here.stage, f"/dl {here.link(12)}", "/history")
    assert any("Already posted" in one.text for one in messages)
    assert sum(one.text.count("My trip ·") for one in messages if one.text.startswith("1 ")) == 1
    await send(here.stage, f'/dl {here.link(12)} -c "Look"')
    assert len(here.posts()) == 24
    assert here.posts()[12].message == "Look"
    assert here.stage.telegram.payload == sent
    assert [here.bytes_of(one) for one in here.posts()[12:]] == [png(number) for number in range(1, 13)]


async def test_plain_files_a_single_one_and_a_stale_reference(here: Here) -> None:
    assert (await here.fetch(3, "--doc -n holiday")).startswith("✓")
    assert [one.media.document.attributes[0].file_name for one in here.posts()] == [
        "holiday 1.png",
        "holiday 2.png",
        "holiday 3.png",
    ]
    assert all(one.media.document for one in here.posts())
    assert (await here.fetch(1)).startswith("✓ #2 My trip")
    [photo] = here.posts()[3:]
    assert photo.media.photo
    assert photo.grouped_id is None
    here.stage.telegram.faults.fail("messages.sendMultiMedia", "FILE_REFERENCE_1_EXPIRED")
    assert (await here.fetch(4)).startswith("✓ #3")
    assert [here.bytes_of(one) for one in here.posts()[4:]] == [png(number) for number in range(1, 5)]


async def test_what_is_no_image_is_left_out_and_said(here: Here, body: dict[str, Body]) -> None:
    bodies = {1: png(1), 2: b"", 3: PAGE, 4: GIF, 5: png(5)}
    body["of"] = bodies.__getitem__
    assert (await here.fetch(5)).startswith("✓ #1 My trip (2 could not be fetched)")
    first, moving, last = here.posts()
    assert [here.bytes_of(one) for one in (first, moving, last)] == [png(1), GIF, png(5)]
    assert moving.media.document.mime_type == "image/gif"
    assert {one.grouped_id for one in here.posts()} == {None}
    body["of"] = lambda _: PAGE
    assert (await here.fetch(2)).startswith("✗ #2")


async def test_of_a_huge_gallery_the_first_are_taken(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(galleries, "MOST", 11)
    assert (await here.fetch(5000)).startswith("✓ #1 My trip (the first 11)")
    assert len(here.posts()) == 11
    assert len(here.site.requests) < 20


async def test_an_image_that_telegram_takes_for_none_goes_as_a_file(here: Here) -> None:
    here.stage.telegram.faults.fail(
        "messages.uploadMedia", "IMAGE_PROCESS_FAILED", when=lambda one: "Photo" in type(one.media).__name__
    )
    assert (await here.fetch(3)).startswith("✓")
    assert [bool(getattr(one.media, "photo", None)) for one in here.posts()] == [True, True, False]


async def test_after_a_failure_only_what_is_wanted_now_is_posted(here: Here, body: dict[str, Body]) -> None:
    """What was stored of an earlier try is not taken for what is fetched anew."""
    calls, faults = here.stage.telegram.calls, here.stage.telegram.faults
    failing = faults.fail(
        "messages.uploadMedia", "MEDIA_INVALID", times=None, when=lambda _: calls["messages.uploadMedia"] > 11
    )
    assert (await here.fetch(12)).startswith("✗")
    failing.stop()
    body["of"] = lambda number: png(number + 50)
    faults.fail("messages.sendMultiMedia", "FILE_REFERENCE_0_EXPIRED", when=lambda one: len(one.multi_media) == 2)
    await send(here.stage, "/retry 1")
    assert [here.bytes_of(one) for one in here.posts()] == [png(number + 50) for number in range(1, 13)]
    assert len({one.grouped_id for one in here.posts()}) == 2


async def test_a_link_to_an_image_is_posted_as_a_photo(here: Here) -> None:
    await send(here.stage, f"/dl {here.site.url('/3.png')}", f"/dl {here.site.url('/4.png')} --doc")
    posts = {here.bytes_of(one): one for one in here.posts()}
    assert (posts[png(3)].message, bool(posts[png(3)].media.photo)) == ("3", True)
    assert (posts[png(4)].message, posts[png(4)].media.document.mime_type) == ("", "image/png")


async def test_links_behind_which_there_is_nothing(here: Here) -> None:
    assert "dead" in await here.fetch(0)
    messages = await send(here.stage, "/dl ytdl:https://example.com/x", "/dl mastodon:https://10.0.0.1/@me/3")
    texts = [one.text for one in messages if one.text.startswith("✗")]
    assert "ytdl: links can't be fetched" in texts[1]
    assert "10.0.0.1" in texts[2] or "private" in texts[2]
