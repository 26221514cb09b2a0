"""Sets the demo's stage: embedded Telegram, web server with samples, Medusa itself and the owner's phone."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from medusa import loopback
from medusa.app import App, running
from medusa.config import Address, Config, DataCentre
from medusa.demo.mediaserver import MediaServer, serve_media
from medusa.demo.samples import make_samples
from medusa.errors import UserError
from medusa.telegram.phone import Phone, Server, open_phone, session_string
from medusa.tools import find_ffmpeg


@dataclass(slots=True)
class Stage:
    """The demo while it runs. ``people`` are the phones by name; the owner's is there from the start."""

    telegram: loopback.Loopback
    media: MediaServer
    app: App
    server: Server
    owner: Phone
    people: dict[str, Phone]
    stack: AsyncExitStack
    _channels: dict[str, int] = field(default_factory=dict)

    async def person(self, name: str) -> Phone:
        """The phone of somebody by name; "owner" is the owner, and strangers get an account when first named."""
        if name not in self.people:
            account = self.telegram.add_account(f"+99966{len(self.people):05d}", name)
            self.people[name] = await self.stack.enter_async_context(
                open_phone(self.server, account.phone, account.code)
            )
        return self.people[name]

    async def channel(self, title: str) -> int:
        """The marked id of the owner's channel of this title, made and made known to Medusa when it is missing."""
        if title not in self._channels:
            known = {chat.title: chat.id for chat in await self.owner.chats() if chat.kind == "channel"}
            self._channels[title] = known.get(title) or await self.owner.create_channel(title)
            await self.app.destinations.registry.add(self._channels[title], title, "channel")
        return self._channels[title]


@asynccontextmanager
async def open_stage(
    config: Config, folder: Path, samples_folder: Path, allow: Sequence[str] = ()
) -> AsyncIterator[Stage]:
    """Set up everything with its state in ``folder``, for as long as the block runs.

    ``allow`` names further hosts that Medusa may reach although they are private. Medusa is composed by
    ``medusa.app.running``, as it is on a real account. Raises UserError when ffmpeg is missing.
    """
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        raise UserError("The demo needs ffmpeg to make its samples. Install ffmpeg, or delete .venv and start again.")
    async with AsyncExitStack() as stack:
        samples = await make_samples(samples_folder, ffmpeg)
        media = await stack.enter_async_context(serve_media(samples.folder))
        telegram = await stack.enter_async_context(loopback.serve(folder / "telegram"))
        server = Server(telegram.host, telegram.port, telegram.dc_id, telegram.key_file)
        session = await session_string(server, telegram.owner.phone, telegram.owner.code)
        own = _config(config, folder, server, session, (*allow, f"{media.host}:{media.port}"))
        app = await stack.enter_async_context(running(own))
        owner = await stack.enter_async_context(open_phone(server, telegram.owner.phone, telegram.owner.code))
        yield Stage(telegram, media, app, server, owner, {"owner": owner}, stack)


def _config(config: Config, folder: Path, server: Server, session: str, allow: Sequence[str]) -> Config:
    """The owner's configuration with everything that belongs to the real account replaced by the demo's."""
    return replace(
        config,
        data=folder / "state",
        work=folder / "work",
        api_id=1,
        api_hash="0" * 32,
        session_string=session,
        proxy=None,
        test_dc=False,
        telegram_dc=DataCentre(server.dc_id, server.host, server.port),
        telegram_key=server.key_file,
        key_file=None,
        passphrase=None,
        allow=(*config.allow, *allow),
        panel=Address("127.0.0.1", 0),
        panel_url=None,
        panel_tls=None,
        panel_proxy=(),
    )
