"""The bench's other side, in one process: the embedded Telegram, a web server with random data, a control socket."""

import asyncio
import json
import re
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from medusa.bench.peers import Server
from medusa.bench.peers.kit import pin
from medusa.loopback import Fault, Loopback, serve
from medusa.loopback.crypto import load_server_key
from medusa.loopback.network import Network
from medusa.web.streaming import begin, pour

PARTS = "upload.save*Part"
"""The methods that carry parts, as the embedded Telegram's faults name them."""
CHUNK = 128 * 1024
FOLDER = web.AppKey("folder", Path)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is laid on the network and the server while something is measured.

    ``rtt`` is milliseconds, ``cap`` bytes a second of each connection (0: none); ``floods`` and ``drops`` are shares
    of the parts; ``wait`` is the seconds of each flood wait; ``lost`` parts are forgotten when the file is to be
    posted; the first ``refused`` packets are answered with transport error 429.
    """

    rtt: int = 0
    cap: int = 0
    floods: float = 0.0
    wait: int = 1
    drops: float = 0.0
    lost: int = 0
    refused: int = 0
    seed: int = 1


class Host:
    """Answers the questions of the control socket, one method each."""

    def __init__(self, loopback: Loopback, server: Server) -> None:
        self._loopback = loopback
        self._server = server
        self._armed = Conditions()
        self._floods: Fault | None = None
        self._drops: Fault | None = None
        self._losing: int | None = None
        """The upload whose parts are to be forgotten; None once that is done."""
        self._before = self._counts()
        self.ask: dict[str, Callable[[dict[str, Any]], Any]] = {
            "server": lambda _: asdict(self._server),
            "arm": self._arm,
            "begin": self._begin,
            "end": self._end,
            "counts": lambda _: self._counts(),
            "last": self._last,
            "job": self._job,
            "batch": self._batch,
            "reply": self._reply,
            "payload": self._payload,
            "posted": self._posted,
        }

    def _counts(self) -> dict[str, int]:
        files = [message for message in self._loopback.messages() if getattr(message, "media", None) is not None]
        calls = sum(count for name, count in self._loopback.calls.items() if name.startswith("upload.save"))
        return {"payload": self._loopback.payload, "parts": calls, "posts": len(files)}

    def _arm(self, question: dict[str, Any]) -> dict[str, Any]:
        """Remember what the next ``begin`` lays on, so that logging in is not measured."""
        self._armed = Conditions(**question["conditions"])
        return {}

    def _begin(self, _question: dict[str, Any]) -> dict[str, Any]:
        faults, armed = self._loopback.faults, self._armed
        self._network(armed.rtt / 1000, armed.cap)
        self._before = self._counts()
        if armed.floods:
            error = f"FLOOD_WAIT_{armed.wait}"
            self._floods = faults.fail(PARTS, error, times=None, chance=armed.floods, seed=armed.seed)
        if armed.drops:
            self._drops = faults.drop(PARTS, executed=True, times=None, chance=armed.drops, seed=armed.seed)
        if armed.refused:
            faults.transport_error(429, times=armed.refused)
        if armed.lost:
            self._losing = 0
            faults.fail(PARTS, "NEVER", code=400, times=None, when=self._notice)
            faults.fail("messages.*Media", "NEVER", code=400, times=None, when=self._lose)
        return {}

    def _notice(self, request: Any) -> bool:
        if self._losing is not None:
            self._losing = request.file_id
        return False

    def _lose(self, _request: Any) -> bool:
        """Forget parts 1, 2, … of the file that was uploaded last, once; the call itself goes on and finds out."""
        if self._losing:
            self._loopback.faults.forget_parts(self._losing, list(range(1, 1 + self._armed.lost)))
            self._losing = None
        return False

    def _end(self, _question: dict[str, Any]) -> dict[str, Any]:
        """Lift everything; returns what came in meanwhile, how often faults struck, and the seconds of flood waits."""
        waits = self._floods.hits * self._armed.wait if self._floods else 0
        drops = self._drops.hits if self._drops else 0
        self._floods = self._drops = None
        self._loopback.faults.clear()
        self._network(0, 0)
        after = self._counts()
        return {name: after[name] - self._before[name] for name in after} | {"waits": waits, "drops": drops}

    def _network(self, rtt: float, cap: int) -> None:
        network = self._loopback.network
        network.rtt, network.up_cap, network.down_cap = rtt, cap or None, cap or None

    async def _last(self, _question: dict[str, Any]) -> dict[str, Any]:
        """Size and hash of the file that was posted last."""
        files = self._loopback.files()
        if not files:
            return {"size": 0, "sha256": ""}
        return {"size": files[-1].size, "sha256": await asyncio.to_thread(lambda: files[-1].sha256)}

    async def _job(self, question: dict[str, Any]) -> dict[str, Any]:
        """Write to Medusa as the owner and wait for the post; returns seconds, payload and requests."""
        before, began = self._counts(), time.perf_counter()
        self._loopback.say(question["text"])
        await self._until(lambda: self._counts()["posts"] > before["posts"], question["timeout"])
        seconds, after = time.perf_counter() - began, self._counts()
        return {name: after[name] - before[name] for name in after} | {"seconds": seconds}

    async def _reply(self, question: dict[str, Any]) -> dict[str, Any]:
        """Write to Medusa as the owner and wait until anything changes in the chat; returns seconds."""
        message = self._loopback.say(question["text"])
        began, before = time.perf_counter(), self._shown()
        await self._until(lambda: self._shown() != before, 30, 0.001)
        return {"seconds": time.perf_counter() - began, "message": message}

    async def _batch(self, question: dict[str, Any]) -> dict[str, Any]:
        """Have Medusa play a list; returns the seconds from the start on, and the places of the posts as they stand."""
        message = self._loopback.say(question["text"])
        planned = await self._reads(message, r"Batch (\d+) ", question["timeout"])
        self._loopback.say(f"/batch {planned[1]} go")
        began = time.perf_counter()
        await self._reads(message, "[✓✗] ", question["timeout"])
        seconds = time.perf_counter() - began
        posts = [one for one in self._loopback.messages() if one.id > message and getattr(one, "media", None)]
        return {"seconds": seconds, "order": [int(one.message.partition(".")[0]) for one in posts]}

    async def _reads(self, message: int, pattern: str, timeout: float) -> re.Match[str]:
        """Wait until a message begins like that."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            text = self._loopback.text(message)
            found.extend(match for match in [re.match(pattern, text or "")] if match)
            return bool(found)

        await self._until(look, timeout, 0.02)
        return found[0]

    def _shown(self) -> list[tuple[int, str]]:
        return [(message.id, getattr(message, "message", "")) for message in self._loopback.messages()[-3:]]

    async def _payload(self, question: dict[str, Any]) -> dict[str, Any]:
        """Wait until this many bytes of parts have come in since the start."""
        await self._until(lambda: self._loopback.payload >= question["least"], question["timeout"], 0.001)
        return self._counts()

    async def _posted(self, question: dict[str, Any]) -> dict[str, Any]:
        """Wait until this many files have been posted since the start."""
        await self._until(lambda: self._counts()["posts"] >= question["least"], question["timeout"])
        return self._counts()

    async def _until(self, condition: Callable[[], bool], timeout: float, pause: float = 0.01) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not condition():  # noqa: ASYNC110 - the server has no event to wait for
                    await asyncio.sleep(pause)
        except TimeoutError:
            said = [text for _, text in self._shown() if text]
            raise TimeoutError(f"nothing came; the chat says: {' | '.join(said)[:200]}") from None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question; an answer that cannot be given is an ``error``."""
        try:
            question = json.loads(await reader.readline())
            answer = self.ask[question["op"]](question)
            values = await answer if asyncio.iscoroutine(answer) else answer
        except (TimeoutError, ValueError, KeyError) as error:
            values = {"error": f"{type(error).__name__}: {error}"}
        writer.write(json.dumps(values).encode() + b"\n")
        await writer.drain()
        writer.close()


async def _file(request: web.Request) -> web.StreamResponse:
    """A file of the folder at ``?rate=`` bytes a second; ranges work."""
    path = request.app[FOLDER] / Path(request.match_info["name"]).name
    if not path.is_file():
        raise web.HTTPNotFound
    size = path.stat().st_size
    kind = "application/vnd.apple.mpegurl" if path.suffix == ".m3u8" else "application/octet-stream"
    headers = {"Content-Type": kind, "ETag": f'"{size}"'}
    response, start, stop = await begin(request, size, headers)
    if request.method != "HEAD":
        await pour(response, _paced(path, start, stop, int(request.query.get("rate", "0"))))
    return response


async def _paced(path: Path, start: int, stop: int, rate: int) -> AsyncIterator[bytes]:
    began = time.perf_counter()
    with path.open("rb") as file:
        file.seek(start)
        for at in range(start, stop, CHUNK):
            if rate:
                await asyncio.sleep(began + (at - start) / rate - time.perf_counter())
            yield file.read(min(CHUNK, stop - at))


@asynccontextmanager
async def _source(folder: Path) -> AsyncIterator[int]:
    """Hand out the files of ``folder``; yields the port."""
    app = web.Application()
    app[FOLDER] = folder
    app.add_routes([web.get("/{name}", _file)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def run(folder: Path) -> None:
    """Serve until cancelled, after one line on standard output with what clients need."""
    async with AsyncExitStack() as stack:
        loopback = await stack.enter_async_context(serve(folder / "telegram", network=Network(checked=False)))
        source = await stack.enter_async_context(_source(folder))
        control = socket.create_server(("127.0.0.1", 0))
        key = load_server_key(loopback.key_file.with_name("key.pem").read_bytes())
        server = Server(
            loopback.host,
            loopback.port,
            loopback.dc_id,
            str(loopback.key_file.resolve()),
            key.modulus,
            key.public_exponent,
            key.fingerprint,
            loopback.owner.phone,
            loopback.owner.code,
            control.getsockname()[1],
            source,
        )
        listening = await asyncio.start_server(Host(loopback, server).serve, sock=control)
        stack.callback(listening.close)
        sys.stdout.write(json.dumps(asdict(server)) + "\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


async def _until_signal(folder: Path) -> None:
    task = asyncio.ensure_future(run(folder))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await asyncio.wait({task})
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    _order = json.loads(sys.argv[1])
    pin(_order["cores"])
    asyncio.run(_until_signal(Path(_order["folder"])))
