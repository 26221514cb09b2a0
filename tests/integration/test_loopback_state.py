"""The embedded Telegram keeps its state in a folder: restarted, or killed and started again."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from telethon import events
from telethon.tl import functions, types

from medusa.loopback import serve
from tests.integration.loopback_clients import Heard, connected, logged_in, session_for

ALONE = (
    "import asyncio, sys; from pathlib import Path; from medusa.loopback.alone import run_alone;"
    "asyncio.run(run_alone('127.0.0.1', int(sys.argv[1]), Path(sys.argv[2]), True))"
)


def text(words: str, random_id: int) -> Any:
    return functions.messages.SendMessageRequest(types.InputPeerSelf(), words, random_id=random_id)


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    async with serve(tmp_path) as loopback:
        session = session_for(loopback)
        friend = loopback.add_account("+9996620002", "Friend", password="secret")
        channel = loopback.channel("News", members=(friend,))
        async with logged_in(loopback, session=session) as client:
            await client(text("before", 1))
            await client.send_file("me", b"data", force_document=True)
            await client(functions.upload.SaveBigFilePartRequest(7, 0, 2, bytes(1024)))
        pts = loopback.pts(loopback.owner.user_id)
        port = loopback.port
    async with serve(tmp_path, port=port) as loopback, connected(loopback, session=session, catch_up=True) as client:
        assert (loopback.pts(loopback.owner.user_id), channel in loopback.chats(friend)) == (pts, True)
        heard = Heard(client, events.NewMessage())
        again = await client(text("different", 1))
        assert again.updates[0].id == 1
        assert (await client.get_messages("me", ids=1)).message == "before"
        loopback.say("after")
        assert (await heard.next()).message.message == "after"
        old = (await client.get_messages("me", ids=2)).media
        assert await client.download_media(old, bytes) == b"data"
        await client(functions.upload.SaveBigFilePartRequest(7, 1, 2, b"end"))
        media = types.InputMediaUploadedDocument(types.InputFileBig(7, 2, "a.bin"), "text/plain", [])
        await client(functions.messages.UploadMediaRequest("me", media))
        assert loopback.files()[-1].read() == bytes(1024) + b"end"
        assert loopback.calls["auth.signIn"] == 0


async def test_the_private_key_is_for_the_owner_only_and_stays(tmp_path: Path) -> None:
    async with serve(tmp_path) as loopback:
        public = loopback.key_file.read_text()
    assert public.startswith("-----BEGIN RSA PUBLIC KEY-----")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    async with serve(tmp_path) as loopback:
        assert loopback.key_file.read_text() == public


async def test_without_a_folder_nothing_stays() -> None:
    async with serve() as loopback:
        folder = loopback.key_file.parent
        loopback.say("gone soon")
    assert not folder.exists()


@asynccontextmanager
async def alone(folder: Path, port: int = 0) -> AsyncIterator[Any]:
    """The server in a process of its own, which is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ALONE, str(port), str(folder), stdout=asyncio.subprocess.PIPE, cwd=Path.cwd()
    )
    assert process.stdout is not None
    line = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))
    try:
        yield SimpleNamespace(process=process, **line | {"key_file": Path(line["key_file"])})
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def owner_of(server: Any) -> Any:
    return SimpleNamespace(phone=server.phone, code=server.code)


async def test_alone_it_says_how_to_log_in_and_ends_on_a_signal(tmp_path: Path) -> None:
    async with alone(tmp_path) as server:
        assert (server.host, server.dc_id, server.name) == ("127.0.0.1", 2, "Owner")
        async with logged_in(server, owner_of(server)) as client:
            assert (await client.get_me()).first_name == "Owner"
        os.kill(server.process.pid, signal.SIGTERM)
        assert await asyncio.wait_for(server.process.wait(), 10) == 0


async def test_killed_at_any_time_it_has_everything_it_answered(tmp_path: Path) -> None:
    random_id, answered = 0, 0
    session, port = None, 0
    for _ in range(3):
        async with alone(tmp_path, port) as server:
            port = server.port
            session = session or session_for(server)
            login = logged_in(server, owner_of(server), session=session) if not answered else None
            async with login or connected(server, session=session) as client:
                for _ in range(40):
                    random_id += 1
                    await client._sender.send(text(f"text {random_id}", random_id))
                    answered = random_id
                server.process.send_signal(signal.SIGKILL)
                await server.process.wait()
    async with serve(tmp_path) as loopback:
        assert [message.message for message in loopback.messages()] == [f"text {n + 1}" for n in range(answered)]
        assert loopback.pts(loopback.owner.user_id) == answered + 1


async def test_servers_live_side_by_side() -> None:
    async with serve() as one, serve() as two, logged_in(one) as first, logged_in(two) as second:
        await first.send_message("me", "one")
        await second.send_message("me", "two")
        assert [message.message for message in (*one.messages(), *two.messages())] == ["one", "two"]
