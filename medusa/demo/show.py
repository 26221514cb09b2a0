"""The demo in the browser."""

import asyncio
import sys
from collections.abc import Sequence

from medusa.config import Config
from medusa.demo import PORT, samples_home
from medusa.demo.mediaserver import BAD_LINKS, MediaServer
from medusa.demo.samples import SAMPLES
from medusa.demo.stage import open_stage
from medusa.web.chat import Suggestion, serve_chat

_CHANNEL = "My channel"


async def show(config: Config, port: int | None, allow: Sequence[str]) -> int:
    """Serve the chat page until cancelled; its chats live on in the data folder."""
    sys.stderr.write("Setting the stage: a small Telegram, some samples, and Medusa …\n")
    home = config.data / "demo"
    async with open_stage(config, home, samples_home(config), allow) as stage:
        await stage.channel(_CHANNEL)
        async with serve_chat(stage.owner, suggestions(stage.media), (PORT, 0) if port is None else (port,)) as url:
            sys.stderr.write(f"\n    Open {url} in your browser. Ctrl+C ends the demo.\n\n")
            await asyncio.Event().wait()
    return 0


def suggestions(media: MediaServer) -> list[Suggestion]:
    """What the page offers to click: each sample, ways to ask for it, and links that go wrong."""
    link = media.link
    good = [Suggestion(f"/dl {link(one.path)}", one.title, one.about, "Samples") for one in SAMPLES]
    ways = [
        Suggestion(f"/dl {link('slow/clip.mp4?rate=60000')}", "Slow server", "watch the progress", "Ways to ask"),
        Suggestion(link("streamable.mp4"), "A bare link", "no command needed in Saved Messages", "Ways to ask"),
        Suggestion(f"/dl {link('clip.mp4')} --doc", "As a file", "with the option --doc", "Ways to ask"),
        Suggestion("/help", "Help", "all commands", "Ways to ask"),
        Suggestion("/status", "Status", "what is under way", "Ways to ask"),
    ]
    bad = [Suggestion(f"/dl {link(path)}", path, about, "Things that go wrong") for path, about in BAD_LINKS.items()]
    names = [Suggestion(f"/dl {link('name/rtl')}", "/name/rtl", "a name that lies", "Things that go wrong")]
    return good + ways + bad + names
