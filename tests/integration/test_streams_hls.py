"""HLS streams of every form, made by ffmpeg and by hand, arrive as one video that plays to its end."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from medusa import sources
from medusa.errors import MedusaError, Transient, UserError, Wait
from medusa.model import LocalFile, Order, Secrets
from medusa.tools import Tools
from tests.integration.media_kit import decoded, subtitles
from tests.integration.source_kit import Reports, Server, ffmpeg, make_video, serving, tool_box

KEYS = [bytes(range(16)), bytes(range(16, 32))]
HEAD = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n"
END = "#EXT-X-ENDLIST\n"


def locked(data: bytes, key: bytes, iv: bytes) -> bytes:
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()


def number(value: int) -> bytes:
    return value.to_bytes(16, "big")


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text(HEAD + "\n".join(lines) + "\n" + END)


def segmented(folder: Path, source: str, name: str, *options: str) -> list[Path]:
    """Cut a video into ``name.m3u8`` and pieces, and return these."""
    ending = "m4s" if "fmp4" in options else "ts"
    ffmpeg(
        *("-i", source, "-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_playlist_type", "vod", *options),
        *("-hls_fmp4_init_filename", f"{name}-init.mp4", "-hls_segment_filename", f"{name}%d.{ending}", f"{name}.m3u8"),
        cwd=folder,
    )
    return sorted(folder.glob(f"{name}[0-9].{ending}"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hls")
    make_video(folder, "small.mp4", seconds=4, size="320x180")
    make_video(folder, "large.mp4", seconds=4, size="640x360")
    pieces = segmented(folder, "small.mp4", "small")
    segmented(folder, "large.mp4", "large")
    fragments = segmented(folder, "small.mp4", "frag", "-hls_segment_type", "fmp4")
    others = segmented(folder, "large.mp4", "other", "-hls_segment_type", "fmp4")
    _variants(folder)
    _sounds(folder)
    _subtitles(folder)
    _locked(folder, pieces, fragments)
    _ranges(folder, pieces)
    write(folder, "gap.m3u8", *(f"#EXTINF:1,\n{name}" for name in ("small0.ts", "missing.ts", "small2.ts")))
    first, second = ([f"#EXTINF:1,\n{file.name}" for file in files] for files in (fragments, others))
    jump = ["#EXT-X-DISCONTINUITY", '#EXT-X-MAP:URI="other-init.mp4"']
    write(folder, "jump.m3u8", '#EXT-X-MAP:URI="frag-init.mp4"', *first, *jump, *second)
    plain = [f"#EXTINF:1,\n{file.name}" for file in pieces]
    write(folder, "jump-ts.m3u8", *plain, "#EXT-X-DISCONTINUITY", *plain)
    return folder


def _variants(folder: Path) -> None:
    lines = ["#EXTM3U"]
    for name, size in (("small", "320x180"), ("large", "640x360")):
        lines += [
            f'#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION={size},CODECS="avc1.42c00d,mp4a.40.2"',
            f"{name}.m3u8",
        ]
    (folder / "master.m3u8").write_text("\n".join(lines) + "\n")


def _sounds(folder: Path) -> None:
    """Pictures without sound, beside two languages: a beep of 440 Hz, and by default one of 880 Hz."""
    ffmpeg("-i", "small.mp4", "-an", "-c", "copy", "mute.mp4", cwd=folder)
    segmented(folder, "mute.mp4", "mute")
    for name, pitch in (("en", 440), ("de", 880)):
        ffmpeg("-f", "lavfi", "-i", f"sine=f={pitch}:d=4", "-c:a", "aac", f"{name}.mp4", cwd=folder)
        segmented(folder, f"{name}.mp4", name)
    media = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="{0}",LANGUAGE="{0}",DEFAULT={1},URI="{0}.m3u8"'
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=320x180,CODECS="avc1.42c00d,mp4a.40.2",AUDIO="a"'
    lines = ["#EXTM3U", media.format("en", "NO"), media.format("de", "YES"), variant, "mute.m3u8"]
    (folder / "sounds.m3u8").write_text("\n".join(lines) + "\n")


def _subtitles(folder: Path) -> None:
    """Two languages in pieces of two seconds; a cue that lasts over the seam stands in both."""
    head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{},LOCAL:00:00:00.000\n\n"
    seam = "00:01.500 --> 00:02.500\nover <b>the</b> seam\n"
    (folder / "text0.vtt").write_text(head.format(126_000) + "00:00.500 --> 00:01.000\nfirst words\n\n" + seam)
    (folder / "text1.vtt").write_text(head.format(126_000) + seam + "\n00:00:03.000 --> 00:00:03.500\nlast words")
    (folder / "late.vtt").write_text(head.format(126_000 + 180_000) + "00:01.000 --> 00:01.500\nspäter\n")
    write(folder, "en-text.m3u8", "#EXTINF:2,", "text0.vtt", "#EXTINF:2,", "text1.vtt")
    write(folder, "de-text.m3u8", "#EXTINF:2,", "text0.vtt", "#EXTINF:2,", "late.vtt")
    media = '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="{0}",LANGUAGE="{0}",URI="{0}-text.m3u8"'
    variant = '#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=320x180,CODECS="avc1.42c00d,mp4a.40.2",SUBTITLES="s"'
    lines = ["#EXTM3U", media.format("en"), media.format("de"), variant, "small.m3u8"]
    (folder / "subtitles.m3u8").write_text("\n".join(lines) + "\n")


def _locked(folder: Path, pieces: list[Path], fragments: list[Path]) -> None:
    (folder / "keys").mkdir()
    for index, key in enumerate(KEYS):
        (folder / "keys" / str(index)).write_bytes(key)
    explicit, implicit, rotating, mapped = [], [], [], []
    for index, piece in enumerate(pieces):
        data, vector = piece.read_bytes(), bytes([index]) * 16
        (folder / f"explicit{index}.ts").write_bytes(locked(data, KEYS[0], vector))
        explicit += [f'#EXT-X-KEY:METHOD=AES-128,URI="keys/0",IV=0x{vector.hex()}', "#EXTINF:1,", f"explicit{index}.ts"]
        (folder / f"implicit{index}.ts").write_bytes(locked(data, KEYS[0], number(7 + index)))
        implicit += ["#EXTINF:1,", f"implicit{index}.ts"]
        (folder / f"rotating{index}.ts").write_bytes(locked(data, KEYS[index % 2], number(index)))
        rotating += [f'#EXT-X-KEY:METHOD=AES-128,URI="keys/{index % 2}"', "#EXTINF:1,", f"rotating{index}.ts"]
    for index, piece in enumerate(fragments):
        (folder / f"mapped{index}.m4s").write_bytes(locked(piece.read_bytes(), KEYS[1], number(index)))
        mapped += ["#EXTINF:1,", f"mapped{index}.m4s"]
    first = '#EXT-X-KEY:METHOD=AES-128,URI="keys/0"'
    write(folder, "explicit.m3u8", *explicit)
    write(folder, "implicit.m3u8", "#EXT-X-MEDIA-SEQUENCE:7", first, *implicit)
    write(folder, "rotating.m3u8", *rotating)
    write(folder, "mapped.m3u8", '#EXT-X-MAP:URI="frag-init.mp4"', first.replace("/0", "/1"), *mapped)


def _ranges(folder: Path, pieces: list[Path]) -> None:
    """All pieces in one file: the first range names its start, the others follow on."""
    (folder / "one.ts").write_bytes(b"before" + b"".join(piece.read_bytes() for piece in pieces))
    lines = []
    for index, piece in enumerate(pieces):
        lines += ["#EXTINF:1,", f"#EXT-X-BYTERANGE:{piece.stat().st_size}{'' if index else '@6'}", "one.ts"]
    write(folder, "ranges.m3u8", *lines)


@dataclass
class Origin:
    """The site, whose server can be told to break off."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    dies: dict[str, int] = field(default_factory=dict)
    """Files at which the server refuses, and how often."""
    status: int = 503
    cuts: list[str] = field(default_factory=list)
    """Files in whose middle the connection breaks, once each."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.asked.append(path + request.headers.get("Range", ""))
        if self.dies.get(path, 0):
            self.dies[path] -= 1
            return web.Response(status=self.status)
        file = self.folder / path
        if path in self.cuts:
            self.cuts.remove(path)
            return await _half(request, file)
        kind = {"Content-Type": "application/vnd.apple.mpegurl"} if path.endswith("m3u8") else {}
        return web.FileResponse(file, headers=kind) if file.is_file() else web.Response(status=404)


async def _half(request: web.Request, file: Path) -> web.StreamResponse:
    """The first half of what is asked for, and then nothing more, under the names that `web.FileResponse` gives."""
    known = file.stat()
    response = web.StreamResponse(headers={"ETag": f'"{known.st_mtime_ns:x}-{known.st_size:x}"'})
    response.content_length = known.st_size
    await response.prepare(request)
    await response.write(file.read_bytes()[: known.st_size // 2])
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.fixture
def origin(site: Path) -> Origin:
    return Origin(site)


@pytest.fixture
async def server(origin: Origin) -> AsyncIterator[Server]:
    async with serving(origin.handle) as server:
        yield server


async def get(order: Order, tools: Tools, workdir: Path) -> LocalFile:
    source, plan = await sources.resolve(order, workdir, tools, Reports())
    assert source.name == "streams"
    file = await source.fetch(plan, order, workdir, tools, Reports())
    assert isinstance(file, LocalFile)
    return file


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("small", 100),
        ("frag", 100),
        ("explicit", 100),
        ("implicit", 100),
        ("rotating", 100),
        ("mapped", 100),
        ("ranges", 100),
        ("jump", 200),
        ("jump-ts", 200),
        ("sounds", 100),
    ],
)
async def test_every_form_arrives_whole(server: Server, tmp_path: Path, name: str, frames: int) -> None:
    async with tool_box(server) as tools:
        file = await get(Order(server.url(f"/{name}.m3u8")), tools, tmp_path)
    assert (file.name, file.mime) == (f"{name}.mp4", "video/mp4")
    seen, seconds = await asyncio.to_thread(decoded, file.path)
    assert seen == frames
    assert seconds == pytest.approx(frames / 25, abs=0.15)


@pytest.mark.parametrize(("quality", "wanted"), [("best", "large"), ("240", "small"), ("100", "small")])
async def test_the_height_that_is_asked_for(
    server: Server, origin: Origin, tmp_path: Path, quality: str, wanted: str
) -> None:
    async with tool_box(server) as tools:
        await get(Order(server.url("/master.m3u8"), quality=quality), tools, tmp_path)
    assert {name[:5] for name in origin.asked if name.endswith(".ts")} == {wanted}


async def test_what_does_not_fit_the_upload_limit_is_passed_over(
    server: Server, origin: Origin, tmp_path: Path
) -> None:
    small = sum(file.stat().st_size for file in origin.folder.glob("small[0-9].ts"))
    text = (
        (origin.folder / "master.m3u8")
        .read_text()
        .replace("BANDWIDTH=900000,RESOLUTION=640", "BANDWIDTH=90000000,RESOLUTION=640")
    )
    (origin.folder / "limited.m3u8").write_text(text)
    async with tool_box(server, upload_limit=small * 2) as tools:
        await get(Order(server.url("/limited.m3u8")), tools, tmp_path)
    assert not [name for name in origin.asked if name.startswith("large") and name.endswith(".ts")]


async def test_too_much_is_refused_on_the_way(server: Server, origin: Origin, tmp_path: Path) -> None:
    limit = sum(file.stat().st_size for file in origin.folder.glob("small[0-9].ts")) * 19 // 20
    async with tool_box(server, max_bytes=limit) as tools:
        with pytest.raises(UserError, match="too big"):
            await get(Order(server.url("/small.m3u8")), tools, tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 2 * limit


@pytest.mark.parametrize(("name", "ending"), [("small", "ts"), ("frag", "mp4"), ("sounds", "")])
async def test_without_ffmpeg_one_track_still_comes(server: Server, tmp_path: Path, name: str, ending: str) -> None:
    async with tool_box(server, with_ffmpeg=False) as tools:
        if ending:
            assert (await get(Order(server.url(f"/{name}.m3u8")), tools, tmp_path)).name == f"{name}.{ending}"
            return
        with pytest.raises(UserError, match="needs ffmpeg"):
            await get(Order(server.url(f"/{name}.m3u8")), tools, tmp_path)


@pytest.mark.parametrize(("language", "wanted"), [("", "de"), ("en", "en")])
async def test_the_language_of_the_sound(
    server: Server, origin: Origin, tmp_path: Path, language: str, wanted: str
) -> None:
    async with tool_box(server) as tools:
        await get(Order(server.url("/sounds.m3u8"), language=language), tools, tmp_path)
        assert {name[:2] for name in origin.asked if re.match(r"(en|de)\d", name)} == {wanted}
        with pytest.raises(UserError, match="no sound in “fr”; its languages: de, en"):
            await get(Order(server.url("/sounds.m3u8"), language="fr"), tools, tmp_path)


ENGLISH = [(0.5, "first words"), (1.5, "over <b>the</b> seam"), (3.0, "last words")]
GERMAN = [(0.5, "first words"), (1.5, "over <b>the</b> seam"), (3.0, "später")]


@pytest.mark.parametrize(
    ("wanted", "found"), [("", []), ("fr", []), ("en", [ENGLISH]), ("de,fr", [GERMAN]), ("all", [ENGLISH, GERMAN])]
)
async def test_subtitles_come_when_they_are_wanted(
    server: Server, origin: Origin, tmp_path: Path, wanted: str, found: list[list[tuple[float, str]]]
) -> None:
    async with tool_box(server) as tools:
        file = await get(Order(server.url("/subtitles.m3u8"), subtitles=wanted), tools, tmp_path)
    assert await asyncio.to_thread(subtitles, file.path) == found
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100
    assert bool([path for path in origin.asked if path.endswith(".vtt")]) == bool(found)


@pytest.mark.parametrize("name", ["sounds", "small"])
async def test_sound_alone(server: Server, tmp_path: Path, name: str) -> None:
    async with tool_box(server) as tools:
        file = await get(Order(server.url(f"/{name}.m3u8"), quality="audio"), tools, tmp_path)
    assert (file.name, file.mime) == (f"{name}.m4a", "audio/mp4")


@pytest.mark.parametrize(
    ("name", "third"),
    [
        ("small", "small2.ts"),
        ("frag", "frag2.m4s"),
        ("implicit", "implicit2.ts"),
        ("ranges", "one.ts"),
        ("jump", "other1.m4s"),
        ("sounds", "mute2.ts"),
    ],
)
async def test_a_broken_off_download_goes_on(
    server: Server, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, third: str
) -> None:
    monkeypatch.setattr("medusa.sources.streams.fetching._TRIES", 1)
    order = Order(server.url(f"/{name}.m3u8"))
    origin.dies[third] = 1
    async with tool_box(server) as tools:
        with pytest.raises(Transient, match="busy"):
            await get(order, tools, tmp_path)
        before = list(origin.asked)
        file = await get(order, tools, tmp_path)
    again = [path for path in origin.asked[len(before) :] if path in before and not path.endswith("m3u8")]
    # The other track is cut off in the middle of a piece.
    others = 1 if name == "sounds" else 0
    assert len({path for path in again if not path.startswith((third, "keys/"))}) <= others
    frames, _ = await asyncio.to_thread(decoded, file.path)
    assert frames == (200 if name == "jump" else 100)


@pytest.mark.parametrize("name", ["small", "explicit"])
async def test_a_cut_in_the_middle_of_a_piece(server: Server, origin: Origin, tmp_path: Path, name: str) -> None:
    """What has come of a piece is kept, but for an encrypted one, which is asked for anew."""
    piece = f"{name}2.ts"
    origin.cuts.append(piece)
    async with tool_box(server) as tools:
        file = await get(Order(server.url(f"/{name}.m3u8")), tools, tmp_path)
    half = (origin.folder / piece).stat().st_size // 2
    again = f"{piece}bytes={half}-" if name == "small" else piece
    assert [path for path in origin.asked if path.startswith(piece)] == [piece, again]
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100


async def test_a_byte_at_a_time_is_not_taken_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medusa.sources.streams.fetching._LONGEST_PAUSE", 0.0)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("m3u8"):
            return web.Response(text=f"{HEAD}#EXTINF:2,\na.ts\n{END}")
        start = request.http_range.start or 0
        span = {"Content-Range": f"bytes {start}-99/100", "Content-Length": str(100 - start), "ETag": '"1"'}
        answer = web.StreamResponse(status=206 if start else 200, headers=span)
        await answer.prepare(request)
        await answer.write(b"x")
        assert request.transport is not None
        request.transport.close()
        return answer

    async with serving(handle) as server, tool_box(server) as tools:
        with pytest.raises(Transient):
            await get(Order(server.url("/x.m3u8")), tools, tmp_path)
        assert len(server.requests) < 12


@pytest.mark.parametrize("left", ["nothing", "note", "torn note", "more than noted", "another stream"])
async def test_whatever_a_kill_leaves_the_stream_comes_whole(
    server: Server, origin: Origin, tmp_path: Path, left: str
) -> None:
    order = Order(server.url("/small.m3u8"))
    origin.dies["small2.ts"], origin.status = 1, 403
    async with tool_box(server) as tools:
        with pytest.raises(Wait):
            await get(order, tools, tmp_path)
        part, note = tmp_path / "track0-0.part", tmp_path / "track0-0.json"
        if left == "nothing":
            part.unlink()
        elif left == "note":
            note.unlink()
        elif left == "torn note":
            note.write_text(note.read_text()[:20])
        elif left == "more than noted":
            part.write_bytes(part.read_bytes() + b"a piece that was being written")
        else:
            note.write_text(note.read_text().replace('"shape": "', '"shape": "x'))
        file = await get(order, tools, tmp_path)
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100
    whole = b"".join((origin.folder / f"small{number}.ts").read_bytes() for number in range(4))
    assert (tmp_path / "track0-0").read_bytes() == whole


async def test_addresses_that_expire_are_asked_for_anew(server: Server, origin: Origin, tmp_path: Path) -> None:
    order = Order(server.url("/small.m3u8"))
    origin.dies["small2.ts"], origin.status = 1, 403
    async with tool_box(server) as tools:
        with pytest.raises(Wait, match="asked for new ones"):
            await get(order, tools, tmp_path)
        file = await get(order, tools, tmp_path)
    assert (await asyncio.to_thread(decoded, file.path))[0] == 100
    assert [origin.asked.count(f"small{piece}.ts") for piece in range(4)] == [1, 1, 2, 1]


async def test_a_piece_that_is_gone_is_named(server: Server, tmp_path: Path) -> None:
    order = Order(server.url("/gap.m3u8"))
    async with tool_box(server) as tools:
        with pytest.raises(Wait):
            await get(order, tools, tmp_path)
        with pytest.raises(UserError, match=r"not whole \(piece 2 of 3\): The link is dead"):
            await get(order, tools, tmp_path)


async def test_a_marked_gap_is_left_out(server: Server, origin: Origin, tmp_path: Path) -> None:
    lines = (origin.folder / "gap.m3u8").read_text().replace("#EXTINF:1,\nmissing", "#EXT-X-GAP\n#EXTINF:1,\nmissing")
    (origin.folder / "marked.m3u8").write_text(lines)
    async with tool_box(server) as tools:
        file = await get(Order(server.url("/marked.m3u8")), tools, tmp_path)
    assert (await asyncio.to_thread(decoded, file.path))[0] == 50


KEY = '#EXT-X-KEY:METHOD={},URI="{}",KEYFORMAT="{}"'


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([KEY.format("SAMPLE-AES", "skd://1", "com.apple.streamingkeydelivery"), "a.ts"], r"DRM \(FairPlay\)"),
        ([KEY.format("SAMPLE-AES-CTR", "data:,", "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed")], "Widevine"),
        ([KEY.format("AES-128", "https://a.example/", "com.microsoft.playready")], "PlayReady"),
        (["#EXT-X-KEY:METHOD=ROT-13"], r"encrypted in a way \(ROT-13\)"),
        (["#EXT-X-KEY:METHOD=AES-128"], "names no key"),
        (['#EXT-X-KEY:METHOD=AES-128,URI="file:///etc/passwd"'], "not http or https"),
        (['#EXT-X-KEY:METHOD=AES-128,URI="key",IV=0xzz'], "initialisation vector"),
        (["#EXTINF:1,", "file:///etc/passwd"], "not http or https"),
        (["#EXT-X-BYTERANGE:none"], "byte range"),
        (["#EXT-X-DISCONTINUITY"], "cannot be understood"),
    ],
)
async def test_what_cannot_be_done_is_said(
    server: Server, origin: Origin, tmp_path: Path, lines: list[str], words: str
) -> None:
    pieces = ["#EXTINF:1,", "a.m4s"] if "DISCONTINUITY" not in lines[0] else []
    write(origin.folder, "odd.m3u8", '#EXT-X-MAP:URI="init.mp4"', *lines, *pieces)
    async with tool_box(server) as tools:
        with pytest.raises(MedusaError, match=words):
            await get(Order(server.url("/odd.m3u8")), tools, tmp_path)
    assert origin.asked == ["odd.m3u8"]


@pytest.mark.parametrize(("status", "kind", "mine"), [(200, "text/html", True), (403, "text/html", False)])
async def test_a_playlist_is_known_by_its_first_line(
    site: Path, tmp_path: Path, status: int, kind: str, mine: bool
) -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(text=(site / "small.m3u8").read_text(), content_type=kind, status=status)

    async with serving(handle) as server, tool_box(server) as tools:
        source = sources.by_name("streams")
        plan = await source.resolve(Order(server.url("/small.m3u8")), tmp_path, tools, Reports())
        assert (plan is not None) == mine


async def test_a_playlist_of_itself_is_refused(server: Server, origin: Origin, tmp_path: Path) -> None:
    (origin.folder / "loop.m3u8").write_text("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nloop.m3u8\n")
    async with tool_box(server) as tools:
        with pytest.raises(UserError, match="one of its playlists is none"):
            await get(Order(server.url("/loop.m3u8")), tools, tmp_path)


async def test_what_the_owner_has_for_a_site_goes_along(server: Server, tmp_path: Path) -> None:
    """With the playlists, too, of which there are two here."""

    async def secrets(link: str) -> Secrets:
        return Secrets(headers={"X-Own": "mine"})

    async with tool_box(server) as tools:
        await get(Order(server.url("/master.m3u8")), replace(tools, secrets=secrets), tmp_path)
    assert {request.headers.get("X-Own") for request in server.requests} == {"mine"}


async def test_a_private_address_in_a_playlist_is_not_asked(server: Server, origin: Origin, tmp_path: Path) -> None:
    async with serving(origin.handle) as internal, tool_box(server) as tools:
        write(origin.folder, "inner.m3u8", "#EXTINF:1,", internal.url("/small0.ts"))
        with pytest.raises(UserError, match="private network"):
            await get(Order(server.url("/inner.m3u8")), tools, tmp_path)
        assert internal.requests == []
