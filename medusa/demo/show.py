"""The demo in the browser."""

import asyncio
import sys
from collections.abc import Sequence

from medusa.commands import Command
from medusa.config import Config
from medusa.demo import PORT, samples_home
from medusa.demo.mediaserver import BAD_LINKS, MediaServer
from medusa.demo.samples import SAMPLES
from medusa.demo.stage import open_stage
from medusa.discover import plugins
from medusa.door import OWNER
from medusa.web.chat import Suggestion, serve_chat

_CHANNEL = "My channel"
_FROM_THE_END = {"merge": 2}
"""Which video is replied to, counted from the last, by commands that take more than one."""


async def show(config: Config, port: int | None, allow: Sequence[str]) -> int:
    """Serve the chat page until cancelled; its chats live on in the data folder."""
    sys.stderr.write("Setting the stage: a small Telegram, some samples, and Medusa …\n")
    home = config.data / "demo"
    async with open_stage(config, home, samples_home(config), allow) as stage:
        await stage.channel(_CHANNEL)
        async with serve_chat(stage.owner, suggestions(stage.media), (PORT, 0) if port is None else (port,)) as url:
            panel = stage.app.desk.door.link(OWNER)
            sys.stderr.write(f"\n    Open {url} in your browser. Ctrl+C ends the demo.\n")
            sys.stderr.write(f"    The panel: {panel} (works once, within 5 minutes; then send /panel)\n\n")
            await asyncio.Event().wait()
    return 0


def suggestions(server: MediaServer) -> list[Suggestion]:
    """What the page offers to click: each sample, ways to ask for it, and links that go wrong."""
    link = server.link
    good = [Suggestion(f"/dl {link(one.path)}", one.title, one.about, "Samples") for one in SAMPLES]
    ways = [
        Suggestion(f"/dl {link('slow/clip.mp4?rate=60000')}", "Slow server", "watch the progress", "Ways to ask"),
        Suggestion(link("streamable.mp4"), "A bare link", "no command needed in Saved Messages", "Ways to ask"),
        Suggestion(f"/dl {link('clip.mp4')} --doc", "As a file", "with the option --doc", "Ways to ask"),
        Suggestion("/help", "Help", "all commands", "Ways to ask"),
        Suggestion("/status", "Status", "what is under way", "Ways to ask"),
    ]
    media = _media()
    bad = [Suggestion(f"/dl {link(path)}", path, about, "Things that go wrong") for path, about in BAD_LINKS.items()]
    names = [Suggestion(f"/dl {link('name/rtl')}", "/name/rtl", "a name that lies", "Things that go wrong")]
    return good + media + ways + bad + names


def _media() -> list[Suggestion]:
    """What may be done to the last video, by the first example of each such command that names no job."""
    commands = (one for one in plugins("medusa.commands", "COMMAND", Command).values() if one.family == "Media")
    named = [(one, example) for one in commands for example in one.examples if "#" not in example]
    first = {one.name: (one, example) for one, example in reversed(named)}
    found = [
        Suggestion(f"/{example}", f"/{example}", one.about, "With the last video", _FROM_THE_END.get(one.name, 1))
        for one, example in sorted(first.values(), key=lambda pair: pair[0].name)
    ]
    dry = Suggestion("/trim 1-3 --dry-run", "/trim 1-3 --dry-run", "what would happen", "With the last video", 1)
    return [*found, dry]
