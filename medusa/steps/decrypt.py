"""Opens an encrypted MP4 with the keys that its owner gave."""

from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from medusa import process
from medusa.errors import UserError
from medusa.model import LocalFile, Order, Progress, Report
from medusa.steps import Step, cenc
from medusa.steps.ffmpeg import expect_room, target
from medusa.tools import Tools

_SLACK = 16 * 1024 * 1024
_SECONDS = 600.0
_RATE = 2_000_000
"""Bytes a second that any machine decrypts at least."""
_KINDS = (".mp4", ".m4v", ".m4a", ".mov", ".cmfv", ".cmfa")


def _wants(file: LocalFile, order: Order) -> bool:
    return bool(order.keys) and PurePosixPath(file.name.lower()).suffix in _KINDS


async def _run(file: LocalFile, order: Order, workdir: Path, tools: Tools, report: Report) -> LocalFile:
    """Write the open file beside the closed one, and put it in its place by a rename.

    A file in the clear stays as it is. Raises UserError for a key that is missing or wrong.
    """
    found = cenc.protection(file.path)
    if found is None:
        return file
    if tools.ffmpeg is None:
        raise UserError("Decrypting needs ffmpeg, which is missing on this machine.")
    report(Progress(note="decrypting"))
    made = workdir / "decrypted.part.mp4"
    try:
        await _open(file.path, _size(file.path), made, found, cenc.parse_keys(order.keys), tools.ffmpeg)
        await cenc.expect_playable(made, tools.ffmpeg, workdir)
        made.replace(file.path)
    finally:
        made.unlink(missing_ok=True)
    return file


def _size(path: Path) -> int:
    return path.stat().st_size


async def _open(
    source: Path, size: int, made: Path, found: cenc.Protection, keys: dict[str, str], ffmpeg: Path
) -> None:
    """Decrypt the first pictures and the first sound, each with its own key."""
    argv = [str(ffmpeg), "-nostdin", "-hide_banner", "-y"]
    maps: list[str] = []
    keep: list[int] = []
    with ExitStack() as stack:
        for number, letter in enumerate("va"):
            key = cenc.key_for(found.kids[letter], keys) if letter in found.kids else ""
            given, handles = stack.enter_context(cenc.keyed_input(source, key))
            argv += given
            keep += handles
            maps += ["-map", f"{number}:{letter}:0?"]
        argv += [*maps, "-c", "copy", "-strict", "-2", "-movflags", "+faststart", "-v", "error", target(made)]
        done = await process.run(
            argv, cwd=made.parent, timeout=_SECONDS + size / _RATE, max_file=2 * size + _SLACK, keep=keep
        )
    expect_room(done.err)
    cenc.expect_opened(done.err)
    if done.code:
        raise UserError("The file is encrypted in a way that ffmpeg cannot open.")


STEP = Step(name="decrypt", stage=5, wants=_wants, run=_run, example="lesson.mp4")
