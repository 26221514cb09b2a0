"""The main job without an account, for people in a browser and for scripts."""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from medusa.config import Config
from medusa.demo.lines import Line, read_lines
from medusa.errors import UserError

PORT = 8477
"""Where the chat page is when no other port is asked for and nobody else is there."""

_EPILOG = """\
In what is sent, a link "sample:NAME" stands for a sample of the demo's own web server: sample:clip.mp4,
sample:hls/index.m3u8, sample:dash/manifest.mpd, ... and for its bad answers: sample:dead, sample:empty.mp4, ...
To answer a menu, send {"text": "2", "reply_to": "last"}; that is a line of a script, which --send takes, too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the ``demo`` command."""
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--send", nargs="+", metavar="CMD", help="send these messages, wait until all jobs have ended, exit"
    )
    what.add_argument(
        "--script", metavar="FILE", help="the same with JSON lines from a file, or from - (standard input)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON line per message")
    parser.add_argument("--save", type=Path, metavar="DIR", help="save the posted files there")
    parser.add_argument(
        "--timeout", type=float, default=300, metavar="S", help="give up after S seconds (default: 300)"
    )
    parser.add_argument(
        "--allow", action="append", default=[], metavar="HOST:PORT", help="a private host to be reached"
    )
    parser.add_argument(
        "--port",
        type=_port,
        metavar="N",
        help=f"port of the chat page (default: {PORT}, or any free one)",
    )


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 2**16:
        raise ValueError
    return number


async def main(options: argparse.Namespace, config: Config) -> int:
    """Run the demo; returns 0, or 1 when a job of a script is not done. Raises UserError for what cannot be begun."""
    if options.send or options.script:
        lines = await asyncio.to_thread(_lines, options)
        return await _play(options, config, lines)
    from medusa.demo.show import show

    return await show(config, options.port, options.allow)


def _lines(options: argparse.Namespace) -> list[Line]:
    if options.send:
        # What begins as a JSON object does can also say what it replies to, and where it goes.
        return [line for text in options.send for line in (read_lines([text]) if text[:1] == "{" else [Line(text)])]
    if options.script == "-":
        return read_lines(sys.stdin)
    try:
        return read_lines(Path(options.script).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The script {options.script} cannot be read: {error}") from None


async def _play(options: argparse.Namespace, config: Config, lines: Sequence[Line]) -> int:
    """Play the lines against a Telegram and a Medusa that start empty and leave nothing behind."""
    from medusa.demo.script import all_done, play
    from medusa.demo.stage import open_stage
    from medusa.demo.transcript import transcript

    done, trouble = False, None
    if options.save:
        await asyncio.to_thread(_make, options.save)
    with tempfile.TemporaryDirectory(prefix="medusa-demo-") as folder:
        async with open_stage(config, Path(folder), samples_home(config), options.allow) as stage:
            try:
                async with asyncio.timeout(options.timeout):
                    await play(stage, lines)
                    done = await all_done(stage)
            except TimeoutError:
                pass
            except UserError as error:
                trouble = error
            if not done:
                sys.stderr.write("Not everything was done.\n")
            async for entry in transcript(stage.owner, options.save):
                sys.stdout.write((json.dumps(entry) if options.json else _plain(entry)) + "\n")
            sys.stdout.flush()
    if trouble:
        raise trouble
    return 0 if done else 1


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made ({error.strerror}).") from error


def samples_home(config: Config) -> Path:
    """Where the samples are kept, for all demos of this data folder."""
    return config.data / "demo" / "samples"


def _plain(entry: dict[str, object]) -> str:
    file = entry["file"]
    posted = f"\n    {file['name']}, {file['size']} bytes" if isinstance(file, dict) else ""
    return _harmless(f"[{entry['chat']} {entry['id']}] {entry['text']}{posted}")


def _harmless(text: str) -> str:
    """The text without what would steer a terminal, in what its encoding can say."""
    shown = "".join(char if char.isprintable() or char == "\n" else " " for char in text)
    encoding = sys.stdout.encoding or "utf-8"
    return shown.encode(encoding, "replace").decode(encoding)
