"""Files of Telegram's own messages: by link, or in reply to them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from telethon.tl import functions, types

from medusa.config import Config
from medusa.demo.lines import Line
from medusa.demo.samples import Samples
from medusa.demo.script import play
from medusa.demo.stage import Stage, open_stage
from medusa.telegram.phone import Phone
from tests.e2e.kit import send
from tests.pictures import png


@dataclass(frozen=True)
class Here:
    """The stage, and somebody else's channel that everybody can read."""

    stage: Stage
    ann: Phone
    channel: int
    samples: Samples
    folder: Path

    @property
    def client(self) -> Any:
        return self.ann._client

    def link(self, message_id: int, options: str = "") -> str:
        return f"https://t.me/anns_films/{message_id}{options}"

    async def put(self, sample: str, text: str = "") -> int:
        return await self.ann.send(self.channel, text, self.samples.path(sample))

    async def album(self, count: int) -> list[int]:
        """An album of photos, the first with a caption."""
        paths = []
        for number in range(count):
            paths.append(self.folder / f"{number}.png")
            paths[-1].write_bytes(png(number))
        captions = ["Our trip\nto the sea", *[""] * (count - 1)]
        sent = await self.client.send_file(self.channel, paths, caption=captions)
        return [one.id for one in sent]

    async def say(self, text: str) -> str:
        """Have a command done; returns how its job ended."""
        messages = await send(self.stage, text)
        return next(one.text for one in reversed(messages) if one.text[:1] in ("✓", "✗"))

    def posts(self) -> list[Any]:
        return [one for one in self.stage.telegram.messages() if getattr(one, "media", None)]

    def hash_of(self, message: Any) -> str:
        stored = self.stage.telegram.file_of(message)
        assert stored is not None
        return stored.sha256


@pytest.fixture
async def here(config: Config, tmp_path: Path, samples: Samples, samples_folder: Path) -> AsyncIterator[Here]:
    async with open_stage(config, tmp_path / "stage", samples_folder) as stage:
        ann = await stage.person("Ann")
        channel = await ann.create_channel("Films")
        peer = await ann._peer(channel)
        await ann._client(functions.channels.UpdateUsernameRequest(peer, "anns_films"))
        yield Here(stage, ann, channel, samples, tmp_path)


async def test_what_telegram_holds_is_posted_with_no_bytes(here: Here) -> None:
    film, photos = await here.put("streamable.mp4", "A film\nand more"), await here.album(3)
    sent = here.stage.telegram.payload
    assert (await here.say(f"/dl {here.link(film)}")).startswith("✓ #1 A film · ")
    assert (await here.say(f"/dl {here.link(photos[1])}")).startswith("✓ #2 Our trip · ")
    assert (await here.say(f"/dl {here.link(photos[1], '?single')}")).startswith("✓ #3")
    first, *album, single = here.posts()
    originals = {one.id: one for one in here.stage.telegram.messages(here.channel)}
    assert first.media.document.id == originals[film].media.document.id
    assert [one.media.photo.id for one in album] == [originals[one].media.photo.id for one in photos]
    assert len({one.grouped_id for one in album}) == 1
    assert single.media.photo.id == originals[photos[1]].media.photo.id
    assert here.stage.telegram.payload == sent
    assert not [name for name in here.stage.telegram.calls if name.startswith("upload.getFile")]
    assert here.stage.telegram.calls["contacts.resolveUsername"] == 1
    assert "Already posted" in (await send(here.stage, f"/dl {here.link(photos[1])}"))[-2].text


async def test_one_link_names_several_messages(here: Here) -> None:
    """They are taken in the order of the link, and each with its album unless nothing but the messages is meant."""
    film, photos, note = await here.put("streamable.mp4"), await here.album(3), await here.put("notes.pdf")
    originals = {one.id: here.hash_of(one) for one in here.stage.telegram.messages(here.channel) if one.media}
    assert (await here.say(f"/dl {here.link(note)},{photos[1]},{film}")).startswith("✓")
    assert [here.hash_of(one) for one in here.posts()] == [originals[one] for one in (note, *photos, film)]
    before = len(here.posts())
    assert (await here.say(f"/dl {here.link(film)},{photos[1]},{note}?single -c all")).startswith("✓")
    assert [here.hash_of(one) for one in here.posts()[before:]] == [originals[one] for one in (film, photos[1], note)]
    await here.ann.delete(here.channel, film)
    text = await here.ann.send(here.channel, "Just words")
    assert f"Message {film} is not there any more" in await here.say(f"/dl {here.link(note)},{film}")
    assert f"Message {text} holds no file" in await here.say(f"/dl {here.link(note)},{text}")
    assert "51 messages; name at most 50" in await here.say(
        f"/dl {here.link(1)}{''.join(f',{n}' for n in range(2, 52))}"
    )


async def test_what_is_to_be_another_file_is_downloaded(here: Here) -> None:
    film = await here.put("clip.mp4")
    assert (await here.say(f"/dl {here.link(film)} -n other")).startswith("✓")
    await here.album(3)
    last = here.stage.telegram.messages(here.channel)[-1].id
    assert (await here.say(f"/dl {here.link(last)} --doc")).startswith("✓")
    video, *files = here.posts()
    assert video.media.document.attributes[0].file_name == "other.mp4"
    assert any(isinstance(one, types.DocumentAttributeVideo) for one in video.media.document.attributes)
    assert [here.hash_of(one) for one in files] == [
        here.hash_of(one) for one in here.stage.telegram.messages(here.channel)[-3:]
    ]
    assert all(one.media.document for one in files)


async def test_a_reply_to_a_file_means_that_file(here: Here) -> None:
    await play(here.stage, [Line(file=here.samples.path("notes.pdf"))])
    assert len(here.posts()) == 1
    await play(
        here.stage, [Line(text="/dl -n renamed -c Look", reply_to="last_file"), Line(text="/dl", reply_to="last")]
    )
    texts = [one.message for one in here.stage.telegram.messages()]
    _, mine = here.posts()
    assert (mine.message, mine.media.document.attributes[0].file_name) == ("Look", "renamed.pdf")
    assert any("holds no file" in text for text in texts)


async def test_protected_content_and_private_chats(here: Here) -> None:
    own = await here.stage.owner.create_channel("Mine")
    note = await here.stage.owner.send(own, "", here.samples.path("notes.pdf"))
    theirs = await here.put("notes.pdf")
    for phone, chat in ((here.stage.owner, own), (here.ann, here.channel)):
        peer = await phone._peer(chat)
        await phone._client(functions.messages.ToggleNoForwardsRequest(peer, enabled=True))
    sent = here.stage.telegram.payload
    assert (await here.say(f"/dl https://t.me/c/{-own - 10**12}/{note}")).startswith("✓ #1 notes")
    assert here.stage.telegram.payload > sent
    assert "has forbidden to save or forward" in await here.say(f"/dl {here.link(theirs)}")
    hidden = await here.ann.create_channel("Hidden")
    assert "does not know that chat" in await here.say(f"/dl https://t.me/c/{-hidden - 10**12}/2")


async def test_messages_without_a_file_are_told_apart(here: Here) -> None:
    gone, text = await here.put("notes.pdf"), await here.ann.send(here.channel, "Just words")
    await here.ann.delete(here.channel, gone)
    sticker = await here.client.send_file(
        here.channel,
        here.samples.path("notes.pdf"),
        attributes=[types.DocumentAttributeSticker("🙂", types.InputStickerSetEmpty())],
    )
    links = [here.link(gone), here.link(text), here.link(sticker.id), here.link(4000), "https://t.me/anns_films"]
    links += ["https://t.me/nobody_at_all/1", f"{here.link(text)}?comment=3", "tg://resolve?domain=anns_films&post=x"]
    messages = await send(here.stage, *(f"/dl {link}" for link in links))
    ends = [one.text.partition("\n")[2] for one in messages if one.text.startswith("✗")]
    words = ["no such message", "no file", "a sticker", "no such message", "leads to no message"]
    words += ["no chat called @nobody_at_all", "comments can't be fetched", "leads to no message"]
    assert [word for word, end in zip(words, ends, strict=True) if word not in end] == []
