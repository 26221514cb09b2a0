"""What the tests of sources and steps share: media made by ffmpeg, a web server to misbehave with, a tool box."""

import asyncio
import hashlib
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from medusa import steps
from medusa.model import LocalFile, Order, Progress, Report
from medusa.net import Guard, open_egress, open_web
from medusa.tools import Tools, find_ffmpeg

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ffmpeg(*arguments: str, cwd: Path) -> None:
    program = find_ffmpeg()
    assert program is not None
    subprocess.run([str(program), "-nostdin", "-v", "error", "-y", *arguments], cwd=cwd, check=True, timeout=60)


def make_video(folder: Path, name: str, *options: str, seconds: int = 3, size: str = "320x180") -> Path:
    """Make a video with sound; ``options`` are ffmpeg's, for its output."""
    ffmpeg(
        *("-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d={seconds}", "-f", "lavfi", "-i", f"sine=d={seconds}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p", "-c:a", "aac", *options, name),
        cwd=folder,
    )
    return folder / name


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: Path) -> str:
    return sha256(path.read_bytes())


async def process(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Run the steps over one file that stays one."""
    [done] = await steps.process((file,), order, workdir, tools, report)
    return done


class Reports:
    """A report cell that remembers everything."""

    def __init__(self) -> None:
        self.seen: list[Progress] = []

    def __call__(self, progress: Progress) -> None:
        self.seen.append(progress)

    @property
    def notes(self) -> str:
        return " | ".join(progress.note for progress in self.seen if progress.note)


class Server:
    """A web server on 127.0.0.1 that gives every request to one handler and keeps a list of them."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[web.Request] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        return await self._handler(request)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@asynccontextmanager
async def serving(handler: Handler, security: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(handler)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=security)
        await site.start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_untrusted(folder: Path) -> AsyncIterator[Server]:
    """Serve https with a certificate that nobody vouches for; no request may get through to it."""

    async def refuse(_: web.Request) -> web.StreamResponse:
        raise AssertionError("the certificate was taken")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(folder))
    async with serving(refuse, context) as server:
        yield server
        assert not server.requests


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
    )
    file = folder / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return file


def folder_handler(folder: Path) -> Handler:
    """Serve the files of a folder, ranges and all."""

    async def handle(request: web.Request) -> web.StreamResponse:
        file = folder / request.match_info["path"]
        return web.FileResponse(file) if file.is_file() else web.Response(status=404, text="no such file")

    return handle


@asynccontextmanager
async def tool_box(
    *servers: Server,
    with_ffmpeg: bool = True,
    upload_limit: int = 2_000_000_000,
    max_bytes: int = 4_000_000_000,
) -> AsyncIterator[Tools]:
    """Open a tool box that may reach these servers and nothing else of this machine."""
    guard = Guard([f"127.0.0.1:{server.port}" for server in servers])
    async with open_web(guard) as client, open_egress(guard) as egress:
        yield Tools(
            client, egress, find_ffmpeg() if with_ffmpeg else None, None, upload_limit, max_bytes, asyncio.Semaphore(1)
        )
