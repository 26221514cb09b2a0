"""The real yt-dlp and ffmpeg reach no private address, whatever a page, a playlist or an answer tells them to fetch."""

import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from medusa import process
from medusa.net import Guard, open_egress
from medusa.steps.ffmpeg import look
from medusa.tools import find_ffmpeg
from tests.integration.matrix_kit import PUBLIC, SPELLINGS, World, inner_world, link
from tests.integration.source_kit import Handler, Server, serving

PLAIN = "127.0.0.1"
SAMPLE = 2
CHOKING = {
    *("example.com%2f@[::1]:{port}", "127.0.0.1:{port}:80", "[127.0.0.1]:{port}"),
    *("127.0.0.1%09", "127.0.0.1..", "localhost%00.example.com"),
}
"""What makes yt-dlp end with an error of its own, before it asks for anything."""
SIXTEEN = "sixteen bytes :)"
"""Media that will do as a key, too."""
HLS, DASH, HTML = "application/vnd.apple.mpegurl", "application/dash+xml", "text/html"
# A yt-dlp more willing than the one that Medusa starts: it goes on after whatever fails, and fetches all there is.
WILLING = (
    *("--ignore-config", "--no-plugin-dirs", "--no-cache-dir", "--ignore-errors", "--no-warnings", "--newline"),
    *("--downloader", "native", "--skip-unavailable-fragments", "--retries", "0", "--fragment-retries", "0"),
    *("--extractor-retries", "0", "--file-access-retries", "0", "--socket-timeout", "10", "--fixup", "never"),
    *("--write-subs", "--sub-langs", "all", "--write-thumbnail", "--force-overwrites", "--no-part"),
    *("--format", "all[format_id!*=none]/all", "--output", "%(autonumber)s-%(format_id)s.%(ext)s"),
)


def playlist(*lines: str) -> str:
    head = ("#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-TARGETDURATION:2", "#EXT-X-PLAYLIST-TYPE:VOD")
    return "\n".join((*head, *lines, "#EXT-X-ENDLIST", ""))


def segments(*targets: str) -> str:
    return playlist(*(f"#EXTINF:2,\n{target}" for target in targets))


def master(*media: str, variant: str = "/fine.m3u8") -> str:
    return "\n".join(("#EXTM3U", *media, '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a",SUBTITLES="s"', variant, ""))


def manifest(base: str, media: str) -> str:
    template = f'<SegmentTemplate timescale="1" duration="2" startNumber="1" media="{media}" initialization="{media}"/>'
    return (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
        f' mediaPresentationDuration="PT2S">{base}<Period><AdaptationSet mimeType="video/mp4">{template}'
        '<Representation id="1" bandwidth="1" codecs="avc1" width="2" height="2"/></AdaptationSet></Period></MPD>'
    )


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head><title>t</title>{head}</head><body>{body}</body></html>"


def video_object(**facts: str) -> str:
    about = {"@context": "https://schema.org", "@type": "VideoObject", "name": "n", **facts}
    return page("", f'<script type="application/ld+json">{json.dumps(about)}</script>')


LURES: dict[str, tuple[str, Callable[[str], str]]] = {
    "segment": (HLS, segments),
    "redirect": (HLS, lambda to: segments(f"/fine.ts?to={quote(to, safe='')}")),
    "key": (HLS, lambda to: playlist(f'#EXT-X-KEY:METHOD=AES-128,URI="{to}"', "#EXTINF:2,", "/fine.ts")),
    "map": (HLS, lambda to: playlist(f'#EXT-X-MAP:URI="{to}"', "#EXTINF:2,", "/fine.ts")),
    "sample-aes": (HLS, lambda to: playlist('#EXT-X-KEY:METHOD=SAMPLE-AES,URI="/fine.ts"', "#EXTINF:2,", f"{to}.ts")),
    "variant": (HLS, lambda to: master(variant=to)),
    "sound": (HLS, lambda to: master(f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{to}"')),
    "subtitle": (HLS, lambda to: master(f'#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="s",LANGUAGE="en",URI="{to}"')),
    "base": (DASH, lambda to: manifest(f"<BaseURL>{to}/</BaseURL>", "$Number$.m4s")),
    "template": (DASH, lambda to: manifest("", f"{to}?$Number$")),
    "refresh": (HTML, lambda to: page("", f'<meta http-equiv="refresh" content="0; url={to}">')),
    "video": (HTML, lambda to: page(f'<video src="{to}.mp4"></video>')),
    "poster": (HTML, lambda to: page(f'<video poster="{to}.jpg" src="/fine.mp4"></video>')),
    "track": (HTML, lambda to: page(f'<video src="/fine.mp4"><track kind="captions" srclang="en" src="{to}"></video>')),
    "json": (HTML, lambda to: video_object(contentUrl=f"{to}.mp4", thumbnailUrl=f"{to}.jpg")),
}
"""By the name of what leads on: the type of the answer, and the answer for a target."""


def luring(pages: dict[str, tuple[str, str]]) -> Handler:
    """Serve these pages; what has ``to`` in its query redirects there, and everything else is a little media."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path in pages:
            kind, text = pages[request.path]
            return web.Response(text=text, content_type=kind)
        if "to" in request.query:
            return web.Response(status=307, headers={"Location": request.query["to"]})
        kind = "text/html" if request.path.endswith(".html") else "video/mp4"
        text = segments("/fine.ts") if request.path.endswith(".m3u8") else SIXTEEN
        return web.Response(text=text, content_type=HLS if request.path.endswith(".m3u8") else kind)

    return handle


async def ytdlp(arguments: Sequence[str], guard: Guard, workdir: Path) -> process.Finished:
    """Run yt-dlp as a child that has nothing but the proxy, and no cage: the guard alone has to do."""
    argv = [sys.executable, "-I", "-m", "yt_dlp", *WILLING, "--ffmpeg-location", str(find_ffmpeg()), *arguments]
    async with open_egress(guard) as egress:
        with egress.lease() as lease:
            proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), lease.url)
            return await process.run(argv, cwd=workdir, timeout=100, env=proxies, cage=None)


Target = Callable[[str], str]
"""Makes the target of a lure out of the name of its kind."""


def lures(server: Server, targets: Sequence[Target]) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Pages of each kind for each target, and the links to them."""
    pages = {}
    for kind, (media_type, text) in LURES.items():
        for number, target in enumerate(targets):
            ending = {HLS: "m3u8", DASH: "mpd", HTML: "html"}[media_type]
            pages[f"/{kind}/{number}.{ending}"] = media_type, text(target(kind))
    return pages, [server.url(path) for path in pages]


def disguised(inner: World, *spellings: str) -> list[Target]:
    def at(spelling: str, kind: str) -> str:
        return link(spelling, inner.port, f"/{kind}")

    return [partial(at, spelling) for spelling in spellings]


def allowed(*places: Server | World) -> Guard:
    return Guard([f"{PLAIN}:{place.port}" for place in places])


async def test_each_lure_leads_to_what_is_allowed(tmp_path: Path) -> None:
    pages: dict[str, tuple[str, str]] = {}
    async with inner_world() as inner, serving(luring(pages)) as server:
        found, links = lures(server, disguised(inner, PLAIN))
        pages.update(found)
        done = await ytdlp(["--", *links], allowed(server, inner), tmp_path)
    seen = {path.split("/")[1].partition("?")[0].partition(".")[0] for path in inner.paths}
    assert set(LURES) - seen == set(), done.err


async def test_no_lure_leads_inside(tmp_path: Path) -> None:
    pages: dict[str, tuple[str, str]] = {}
    some = random.Random(5).sample(SPELLINGS, SAMPLE)
    async with inner_world() as inner, serving(luring(pages)) as server:
        found, links = lures(server, disguised(inner, PLAIN, *some))
        found["/all.m3u8"] = HLS, segments(*(link(spelling, inner.port) for spelling in SPELLINGS))
        pages.update(found)
        guard = allowed(server)
        links += [link(spelling, inner.port, "/direct.m3u8") for spelling in SPELLINGS[::4]]
        await ytdlp(["--", server.url("/all.m3u8"), *links], guard, tmp_path)
    assert inner.connections == 0
    assert {where[0] for where in inner.connects} <= {PLAIN, PUBLIC}
    assert sum(guard.refused.values()) > len(SPELLINGS) // 2


async def test_no_lure_leads_to_files_of_this_machine(tmp_path: Path) -> None:
    secrets, work, mark = tmp_path / "secrets", tmp_path / "work", "only-the-owner-knows"
    secrets.mkdir()
    work.mkdir()
    for kind in LURES:
        for ending in ("", ".ts", ".mp4", ".jpg", "?1"):
            (secrets / f"{kind}{ending}").write_text(mark)
    ways: list[Target] = [
        lambda kind: f"file://{secrets}/{kind}",
        lambda kind: f"FILE:{secrets}/{kind}",
    ]
    pages: dict[str, tuple[str, str]] = {}
    async with serving(luring(pages)) as server:
        found, links = lures(server, ways)
        pages.update(found)
        await ytdlp(["--", *links, (secrets / "key").as_uri()], allowed(server), work)
        assert not [file for file in work.iterdir() if mark in file.read_text(errors="replace")]
        await ytdlp(["--enable-file-urls", "--", server.url("/segment/0.m3u8")], allowed(server), work)
        assert [file for file in work.iterdir() if mark in file.read_text(errors="replace")]


def entries(inner: World, spellings: Sequence[str]) -> list[dict[str, object]]:
    """An extractor's answers: videos whose address, pictures, subtitles and fragments lie where they should not."""

    def entry(number: int, spelling: str) -> dict[str, object]:
        def at(what: str) -> str:
            return link(spelling, inner.port, f"/{what}")

        return {
            "_type": "video",
            "id": str(number),
            "title": "t",
            "extractor": "made",
            "extractor_key": "Made",
            "formats": [
                {"format_id": "a", "url": at("url"), "ext": "mp4", "protocol": "http"},
                {
                    "format_id": "b",
                    "url": at("unused"),
                    "ext": "mp4",
                    "protocol": "http_dash_segments",
                    "fragments": [{"url": at("fragment")}, {"path": "x"}],
                    "fragment_base_url": at("base/"),
                },
            ],
            "thumbnails": [{"id": "0", "url": at("thumbnail")}],
            "subtitles": {"en": [{"url": at("subtitle"), "ext": "vtt"}]},
        }

    return [entry(number, spelling) for number, spelling in enumerate(spellings)]


def crowd(inner: World, spellings: Sequence[str]) -> list[dict[str, object]]:
    """One video with a picture and a subtitle at every spelling."""

    def at(what: str) -> list[str]:
        return [link(spelling, inner.port, f"/{what}") for spelling in spellings if spelling not in CHOKING]

    [video] = entries(inner, spellings[:1])
    pictures = [{"id": str(number), "url": there} for number, there in enumerate(at("thumbnail"))]
    subtitles = {f"x{number}": [{"url": there, "ext": "vtt"}] for number, there in enumerate(at("subtitle"))}
    return [{**video, "thumbnails": pictures, "subtitles": subtitles}]


async def answered(answer: list[dict[str, object]], guard: Guard, tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text(json.dumps(answer))
    await ytdlp(["--write-all-thumbnails", "--load-info-json", "info.json"], guard, tmp_path)


async def test_an_extractors_answer_leads_to_what_is_allowed_and_never_inside(tmp_path: Path) -> None:
    async with inner_world() as inner:
        await answered(entries(inner, [PLAIN]), allowed(inner), tmp_path)
        reached = {path.split("/")[1] for path in inner.paths}
        inner.connections = 0
        await answered(entries(inner, SPELLINGS[::8]), Guard([]), tmp_path)
    assert reached == {"url", "fragment", "base", "thumbnail", "subtitle"}
    assert inner.connections == 0


async def test_no_picture_or_subtitle_in_any_spelling_leads_inside(tmp_path: Path) -> None:
    async with inner_world() as inner:
        await answered(crowd(inner, [PLAIN] * 3), allowed(inner), tmp_path)
        reached = Counter(path.split("/")[1] for path in inner.paths)
        inner.connections = 0
        guard = Guard([])
        await answered(crowd(inner, SPELLINGS), guard, tmp_path)
    assert min(reached["thumbnail"], reached["subtitle"]) >= 3
    assert inner.connections == 0
    assert sum(guard.refused.values()) > len(SPELLINGS) * 9 // 5


async def test_a_playlist_in_a_file_leads_ffmpeg_nowhere(tmp_path: Path) -> None:
    """Nor does one that names files of this machine; without what stands before ``-i`` the first one would."""
    program = find_ffmpeg()
    assert program is not None
    async with inner_world() as inner:
        for name in ("video.mp4", "video.m3u8", "video.ts"):
            lines = [link(spelling, inner.port, "/a.ts") for spelling in SPELLINGS]
            (tmp_path / name).write_text(segments(*lines, "file:///etc/passwd"))
            assert (await look(tmp_path / name, program, tmp_path)).media is None
        assert inner.connections == 0
        (tmp_path / "video.m3u8").write_text(segments(link(PLAIN, inner.port, "/a.ts")))
        open_door = ("-protocol_whitelist", "file,crypto,data,http,tcp", "-i", "video.m3u8")
        await process.run([str(program), "-v", "error", *open_door], cwd=tmp_path, timeout=60, cage=None)
    assert inner.connections > 0
