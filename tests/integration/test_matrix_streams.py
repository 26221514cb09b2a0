"""Whatever a manifest names, in whichever spelling, leads Medusa's own reader of streams to nothing inside."""

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web

from medusa.errors import MedusaError
from medusa.model import Order
from medusa.sources import streams
from medusa.sources.streams import fetching
from medusa.tools import Tools
from tests.integration.matrix_kit import PUBLIC, SPELLINGS, inner_world, link
from tests.integration.source_kit import Reports, Server, serving, tool_box
from tests.integration.test_matrix_children import HLS, LURES, PLAIN, SIXTEEN, segments

WAYS = {kind: LURES[kind][1] for kind in ("segment", "key", "map", "variant", "sound", "subtitle", "base")}


async def lure(request: web.Request) -> web.StreamResponse:
    """A manifest of the kind that the path names and that leads to where the query says, or what will do as a piece."""
    kind = request.path.strip("/").partition(".")[0]
    if kind in WAYS:
        return web.Response(text=WAYS[kind](request.query["to"]), content_type=LURES[kind][0])
    text = segments("/fine.ts") if request.path.endswith(".m3u8") else SIXTEEN
    return web.Response(text=text, content_type=HLS if request.path.endswith(".m3u8") else "video/mp4")


async def follow(kind: str, target: str, server: Server, tools: Tools, folder: Path) -> str:
    """Fetch the stream that leads to the target; returns what the owner hears."""
    ending = "m3u8" if LURES[kind][0] == HLS else "mpd"
    order = Order(server.url(f"/{kind}.{ending}?to={quote(target, safe='')}"), subtitles="all")
    folder.mkdir()
    try:
        plan = await streams.SOURCE.resolve(order, folder, tools, Reports())
        assert plan is not None
        await streams.SOURCE.fetch(plan, order, folder, tools, Reports())
    except MedusaError as error:
        return error.user_text
    finally:
        shutil.rmtree(folder)
    return ""


@pytest.mark.parametrize("kind", WAYS)
async def test_no_spelling_in_a_manifest_leads_inside(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_LONGEST_PAUSE", 0.0)
    async with inner_world() as inner, serving(lure) as server, tool_box(server) as tools:
        for number, spelling in enumerate(SPELLINGS):
            words = await follow(kind, link(spelling, inner.port), server, tools, tmp_path / str(number))
            assert 0 < len(words) < 300, spelling
    assert inner.connections == 0
    assert set(inner.strayed(server.port)) <= {(PUBLIC, inner.port)}


@pytest.mark.parametrize("kind", WAYS)
async def test_the_same_manifests_lead_to_what_is_allowed(kind: str, tmp_path: Path) -> None:
    async with inner_world() as inner, serving(lure) as server:
        open_door = Server(lure)
        open_door.port = inner.port
        async with tool_box(server, open_door) as tools:
            await follow(kind, link(PLAIN, inner.port), server, tools, tmp_path / "work")
    assert inner.connections > 0
