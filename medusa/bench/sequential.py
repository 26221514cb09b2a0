"""Plays a list of links as simpler programs do: each is fetched whole, then sent, and only then comes the next."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from medusa.bench.peers import Client, Server
from medusa.bench.peers.kit import ask, pin
from medusa.bench.peers.medusa import PEER
from medusa.process import run
from medusa.tools import find_ffmpeg


async def play(server: Server, folder: Path, links: Sequence[str]) -> float:
    """Play the links with Medusa's own uploader, so that nothing but the order of the work differs; returns seconds."""
    async with PEER.connect(server, folder) as client, aiohttp.ClientSession() as web:
        await asyncio.to_thread(ask, server.control, op="begin")
        began = time.perf_counter()
        for number, link in enumerate(links):
            await _one(client, web, link, folder / f"{number}.mp4")
        return time.perf_counter() - began


async def _one(client: Client, web: aiohttp.ClientSession, link: str, path: Path) -> None:
    if not await (_joined(link, path) if ".m3u8" in link else _fetched(web, link, path)):
        return
    await client.post(await client.upload(path))
    await asyncio.to_thread(path.unlink)


async def _fetched(web: aiohttp.ClientSession, link: str, path: Path) -> bool:
    async with web.get(link) as answer:
        if not answer.ok:
            return False
        with path.open("wb") as file:
            async for chunk in answer.content.iter_chunked(1 << 16):
                file.write(chunk)
    return True


async def _joined(link: str, path: Path) -> bool:
    argv = [str(find_ffmpeg()), "-v", "error", "-y", "-i", link, "-c", "copy", str(path)]
    return (await run(argv, cwd=path.parent, timeout=None, cage=None)).code == 0


if __name__ == "__main__":
    _order = json.loads(sys.argv[1])
    pin(_order["cores"])
    _seconds = asyncio.run(play(Server(**_order["server"]), Path(_order["folder"]), _order["links"]))
    sys.stdout.write(f"\n{json.dumps({'seconds': _seconds})}\n")
