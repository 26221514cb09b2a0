"""What the tests of /update share: wheels made on the spot, and a package index that serves them."""

import base64
import hashlib
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path

from aiohttp import web

from tests.integration.source_kit import Server, serving

NEWER, NEWEST = "2099.1.2", "2099.2.3"
_NEEDED = {"__init__", "adobepass", "afreecatv", "common", "extractors", "lazy_extractors", "openload"}
"""The extractors that are loaded without being asked for a site."""
_FOR_PAGES = {"generic", "commonprotocols"}

Files = dict[str, bytes]


def real_ytdlp(version: str, *, for_pages: bool = False) -> Files:
    """The installed yt-dlp under another version, without extractors but for those of any page."""
    home, names = _home("yt_dlp"), _NEEDED | (_FOR_PAGES if for_pages else set())
    files = {
        f"yt_dlp/{path.relative_to(home).as_posix()}": path.read_bytes()
        for path in home.rglob("*.py")
        if path.parent.name != "extractor" or path.stem in names
        if for_pages or "youtube" not in path.parts
    }
    padded = ".".join(f"{int(part):02}" for part in version.split("."))
    files["yt_dlp/version.py"] = f"__version__ = {padded!r}\nVARIANT = None\nUPDATE_HINT = None\n".encode()
    files["yt_dlp/version.py"] += b"CHANNEL = 'stable'\nORIGIN = 'yt-dlp/yt-dlp'\nRELEASE_GIT_HEAD = ''\n"
    files["yt_dlp/version.py"] += f"_pkg_version = {padded!r}\n".encode()
    return files


def real_solver() -> Files:
    home = _home("yt_dlp_ejs")
    return {f"yt_dlp_ejs/{path.relative_to(home).as_posix()}": path.read_bytes() for path in home.rglob("*.py")}


def _home(package: str) -> Path:
    return Path(import_module(package).__file__ or "").parent


def wheel(folder: Path, package: str, version: str, files: Files, requires: str = "", *, recorded: bytes = b"") -> Path:
    """Make a wheel; ``recorded`` takes the place of the right record."""
    info = f"{package}-{version}.dist-info"
    about = f"Metadata-Version: 2.4\nName: {package.replace('_', '-')}\nVersion: {version}\n"
    about += f"Requires-Dist: {requires}\n" if requires else ""
    whole = {
        **files,
        f"{info}/METADATA": about.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    whole[f"{info}/RECORD"] = recorded or record(whole, info)
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in whole.items():
            archive.writestr(name, data)
    return path


def record(files: Mapping[str, bytes], info: str) -> bytes:
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{info}/RECORD,,"]).encode()


@asynccontextmanager
async def package_index(folder: Path, lies: bool = False) -> AsyncIterator[Server]:
    """Serve the wheels of a folder as https://packaging.python.org/en/latest/specifications/simple-repository-api/
    says; with ``lies`` the hashes it states are of other files.
    """

    async def handle(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        if path.startswith("simple/"):
            project = path.split("/")[1].replace("-", "_")
            found = sorted(folder.glob(f"{project}-*.whl"))
            return web.Response(text="".join(map(_line, found)), content_type="text/html")
        return web.FileResponse(folder / Path(path).name)

    def _line(file: Path) -> str:
        digest = hashlib.sha256(b"another" if lies else file.read_bytes()).hexdigest()
        return f'<a href="/files/{file.name}#sha256={digest}">{file.name}</a>\n'

    async with serving(handle) as server:
        yield server
