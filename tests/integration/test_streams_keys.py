"""What is encrypted opens with the owner's keys alone, and the keys are shown to nobody."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from medusa import observe, sources
from medusa.commands.dl import COMMAND
from medusa.commands.parsing import split_options
from medusa.errors import UserError
from medusa.model import LocalFile, Order
from medusa.steps import cenc
from medusa.tools import Tools
from tests.integration import source_kit
from tests.integration.media_kit import plays
from tests.integration.source_kit import Reports, Server, ffmpeg, folder_handler, make_video, serving, tool_box

KID, KEY = "0123456789abcdef0123456789abcdef", "00112233445566778899aabbccddeeff"
KID2, KEY2 = "a" * 32, "fedcba98765432100123456789abcdef"
PAIRS = f"{KID}:{KEY},{KID2}:{KEY2}"
SYSTEM = '<ContentProtection schemeIdUri="urn:uuid:EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED"/>'


def lock(folder: Path, name: str, source: str, *options: str, kid: str = KID, key: str = KEY) -> None:
    """Make an encrypted copy."""
    scheme = ("-encryption_scheme", "cenc-aes-ctr", "-encryption_key", key, "-encryption_kid", kid)
    ffmpeg("-i", source, "-c", "copy", *options, *scheme, name, cwd=folder)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_video(folder, "clear.mp4", seconds=4)
    lock(folder, "locked.mp4", "clear.mp4")
    # In one piece, since ffmpeg 5 encrypts fragments in a way that nobody can open.
    lock(folder, "v.mp4", "clear.mp4", "-map", "0:v", "-movflags", "+faststart")
    lock(folder, "a.mp4", "clear.mp4", "-map", "0:a", kid=KID2, key=KEY2)
    one = '<Representation id="{0}" bandwidth="1000">{1}<BaseURL>{0}.mp4</BaseURL></Representation>'
    sets = "".join(
        f'<AdaptationSet mimeType="{kind}/mp4">{one.format(name, SYSTEM)}</AdaptationSet>'
        for kind, name in (("video", "v"), ("audio", "a"))
    )
    period = (
        f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT4S"><Period>{sets}</Period></MPD>'
    )
    (folder / "locked.mpd").write_text(period)
    (folder / "locked.m3u8").write_text(_playlist(folder / "v.mp4"))
    return folder


def _playlist(file: Path) -> str:
    """An HLS playlist over two ranges of a file: what comes before the samples, and these."""
    data = file.read_bytes()
    first = data.index(b"mdat") - 4
    key = '#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI="data:,",KEYFORMAT="urn:uuid:9a04f079-9840-4286-ab92-e65be0885f95"'
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", key, f'#EXT-X-MAP:URI="{file.name}",BYTERANGE="{first}@0"']
    lines += ["#EXTINF:4,", f"#EXT-X-BYTERANGE:{len(data) - first}@{first}", file.name, "#EXT-X-ENDLIST"]
    return "\n".join(lines) + "\n"


@pytest.fixture
async def server(site: Path) -> AsyncIterator[Server]:
    async with serving(folder_handler(site)) as server:
        yield server


async def get(order: Order, tools: Tools, workdir: Path) -> LocalFile:
    source, plan = await sources.resolve(order, workdir, tools, Reports())
    file = await source.fetch(plan, order, workdir, tools, Reports())
    assert isinstance(file, LocalFile)
    return file


@pytest.mark.parametrize(
    ("name", "keys"), [("locked.mpd", PAIRS), ("locked.mpd", f"{KID2}:{KEY2},{KID}:{KEY}"), ("locked.m3u8", KEY)]
)
async def test_streams_open_with_their_keys(server: Server, tmp_path: Path, name: str, keys: str) -> None:
    async with tool_box(server) as tools:
        file = await get(Order(server.url(f"/{name}"), keys=keys), tools, tmp_path)
    media = (await asyncio.to_thread(cenc.protection, file.path)), file.mime
    assert media == (None, "video/mp4")
    if name.endswith("mpd"):
        assert await asyncio.to_thread(plays, file.path, 100)
    assert not [one for one in tmp_path.rglob("*") if one.is_file() and KEY.encode() in one.read_bytes()]


@pytest.mark.parametrize(
    ("name", "keys", "words"),
    [
        ("locked.mpd", "", r"protected by DRM \(Widevine\)\. Medusa uses only keys that you hold: --key KID:KEY"),
        ("locked.m3u8", "", r"protected by DRM \(PlayReady\)"),
        ("locked.mpd", f"{KID}:{KEY}", f"no key for key id {KID2} among yours"),
        ("locked.mpd", f"{KID}:{KEY2},{KID2}:{KEY2}", "The key does not open this"),
        ("locked.m3u8", KEY2, "The key does not open this"),
    ],
)
async def test_without_the_right_key_it_says_so(
    server: Server, tmp_path: Path, name: str, keys: str, words: str
) -> None:
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match=words) as caught:
            await get(Order(server.url(f"/{name}"), keys=keys), tools, tmp_path)
    assert KEY not in str(caught.value)
    assert KEY2 not in str(caught.value)


async def processed(site: Path, tmp_path: Path, order: Order, name: str = "locked.mp4") -> LocalFile:
    shutil.copy(site / name, tmp_path / "download.mp4")
    async with tool_box() as tools:
        file = LocalFile(tmp_path / "download.mp4", "locked.mp4", "video/mp4")
        return await source_kit.process(file, order, tmp_path, tools, Reports())


async def test_a_plain_file_is_opened(site: Path, tmp_path: Path) -> None:
    file = await processed(site, tmp_path, Order("https://example.com/locked.mp4", keys=f"{KID}:{KEY}"))
    assert file.media is not None
    assert file.thumb is not None
    assert await asyncio.to_thread(plays, file.path, 100)


@pytest.mark.parametrize(
    ("keys", "words"),
    [("", "protected by DRM.*or --doc"), (KEY2, "does not open this"), (f"{KID2}:{KEY2}", f"no key for key id {KID}")],
)
async def test_a_plain_file_without_its_key(site: Path, tmp_path: Path, keys: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        await processed(site, tmp_path, Order("https://example.com/locked.mp4", keys=keys))


async def test_keys_do_no_harm_to_what_is_in_the_clear(site: Path, tmp_path: Path) -> None:
    file = await processed(site, tmp_path, Order("https://example.com/clear.mp4", keys=KEY), "clear.mp4")
    assert await asyncio.to_thread(plays, file.path, 100)


async def test_what_is_wanted_as_it_is_stays_closed(site: Path, tmp_path: Path) -> None:
    file = await processed(site, tmp_path, Order("https://example.com/locked.mp4", as_document=True))
    assert file.path.read_bytes() == (site / "locked.mp4").read_bytes()


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (KEY.upper(), {"": KEY}),
        (f"{KID}:{KEY}", {KID: KEY}),
        (f" {KID}:{KEY}, {KID2}:{KEY2}", {KID: KEY, KID2: KEY2}),
        (f"01234567-89ab-cdef-0123-456789abcdef:{KEY}", {KID: KEY}),
    ],
)
def test_keys_are_read(text: str, keys: dict[str, str]) -> None:
    assert cenc.parse_keys(text) == keys
    assert cenc.parse_keys(cenc.written(keys)) == keys


@pytest.mark.parametrize(
    "text", ["", "1", KEY[:-1], KEY + ":", f"{KEY}:{KEY}:{KEY}", f"{KEY},{KEY[:-1]}x", f"{KEY},{KID}:{KEY}"]
)
def test_what_is_no_key_is_not_repeated(text: str) -> None:
    with pytest.raises(UserError) as caught:
        cenc.parse_keys(text)
    assert KEY[:8] not in str(caught.value)


def test_no_command_line_shows_a_key(site: Path) -> None:
    """Whoever is on the machine can read command lines; the list with the key is gone with the block."""
    with cenc.keyed_input(site / "locked.mp4", KEY) as (argv, handles):
        shown = " ".join(argv)
        assert KEY.encode() in os.pread(handles[0], 1000, 0)
    assert KEY not in shown
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(handles[0])


def test_keys_are_blotted_out_wherever_they_might_be_shown() -> None:
    key = "5ec7e7" + "0f" * 13
    assert observe.clean(key) == key
    cenc.parse_keys(f"{KID}:{key.upper()}")
    assert key not in observe.clean(f"Option decryption_key not found: {key}.")


def test_keys_may_be_given_one_by_one() -> None:
    words, options = split_options(f"https://a.example --key {KID}:{KEY} --key={KID2}:{KEY2}", COMMAND.options)
    assert words == ("https://a.example",)
    assert cenc.parse_keys(options["key"]) == {KID: KEY, KID2: KEY2}
    assert KEY not in repr(Order("https://a.example", keys=PAIRS))


@pytest.mark.parametrize("length", [2, 5, 7])
def test_an_index_shorter_than_its_own_head_is_none(tmp_path: Path, length: int) -> None:
    """A length of -1 would be all that there is: gigabytes, in memory."""
    (tmp_path / "odd.mp4").write_bytes(
        b"\0\0\0\x10ftypisom" + bytes(4) + bytes([0, 0, 0, length]) + b"moov" + bytes(999)
    )
    assert cenc._index(tmp_path / "odd.mp4") is None


def test_countless_boxes_are_not_all_looked_at(tmp_path: Path) -> None:
    file = b"\0\0\0\x10ftypisom" + bytes(4) + b"\0\0\0\x08free" * 5000 + b"\0\0\0\x10moov" + bytes(8)
    (tmp_path / "odd.mp4").write_bytes(file)
    assert cenc._index(tmp_path / "odd.mp4") is None


@pytest.mark.parametrize("cut", range(0, 1200, 37))
def test_damaged_indexes_do_no_harm(site: Path, tmp_path: Path, cut: int) -> None:
    data = bytearray((site / "v.mp4").read_bytes()[:1400])
    data[cut : cut + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "odd.mp4").write_bytes(data)
    cenc.protection(tmp_path / "odd.mp4")
