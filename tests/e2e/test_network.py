"""What the owner says about the network holds at once, and what links try behind the owner's back is told."""

from aiohttp import web

from medusa.demo.stage import Stage
from medusa.net import Reason
from tests.e2e.kit import send
from tests.integration.source_kit import serving


async def file(_: web.Request) -> web.StreamResponse:
    return web.Response(body=b"%PDF-1.4 " * 100, headers={"Content-Disposition": "attachment; filename=nas.pdf"})


async def last(stage: Stage, command: str) -> str:
    """The answer to a command, which replaces it, or the outcome of its job."""
    known = {message.id for message in await stage.owner.history(0)}
    return "\n".join(message.text for message in await send(stage, command) if message.id not in known)


async def test_a_host_is_allowed_and_forbidden_while_medusa_runs(stage: Stage) -> None:
    async with serving(file) as nas:
        place = f"127.0.0.1:{nas.port}"
        assert "private network" in await last(stage, f"/dl {nas.url('/a')}")
        assert "takes hosts, host:port pairs" in await last(stage, "/set allow http://nas.local/")
        assert await last(stage, f"/set allow {place}, 10.0.0.0/24") == f"allow is now {place}, 10.0.0.0/24."
        assert "✓" in await last(stage, f"/dl {nas.url('/b')}")
        await send(stage, "/unset allow")
        assert "private network" in await last(stage, f"/dl {nas.url('/c')}")


async def test_https_only_spares_what_is_allowed(stage: Stage) -> None:
    await send(stage, "/set https-only on")
    assert "plain http" in await last(stage, "/dl http://example.com/talk.mp4")
    assert "plain http" in await last(stage, f"/dl {stage.media.link('redirect?to=http://example.com/talk.mp4')}")
    assert "✓" in await last(stage, "/dl sample:notes.pdf")
    assert stage.app.guard.refused[Reason.PLAIN] == 2


async def test_where_a_link_leads_on_to_is_told_without_its_secrets(stage: Stage) -> None:
    told = await last(stage, f"/dl {stage.media.link('redirect?to=http://10.0.0.1/private/path?token=hush')}")
    notices = [line for line in told.splitlines() if line.startswith("Network guard")]
    assert notices == ["Network guard: 10.0.0.1 points into a private network, which is not allowed."]
    assert stage.app.guard.refused[Reason.PRIVATE] == 1
    # What the link itself names is said once, in the outcome.
    assert "Network guard" not in await last(stage, "/dl http://10.0.0.2/private/path?token=hush")
    await send(stage, "/set notice-network off")
    assert "Network guard" not in await last(stage, f"/dl {stage.media.link('redirect?to=http://10.0.0.3/')}")
