"""--dry-run says what would happen, and nothing happens."""

from medusa.demo.lines import Line
from medusa.demo.script import play
from medusa.demo.stage import Stage
from tests.e2e.kit import send


async def said(stage: Stage, text: str, reply_to: int | None = None) -> str:
    before = {message.id for message in await stage.owner.history(stage.owner.user_id)}
    await play(stage, [Line(text=text, reply_to=reply_to)])
    [new] = [one for one in await stage.owner.history(stage.owner.user_id) if one.id not in before]
    return new.text


async def test_a_dry_run_says_what_would_happen(stage: Stage) -> None:
    link = await said(stage, "/dl sample:clip.mp4 --dry-run --trim 1-3")
    assert link.startswith("clip.mp4\nvideo/mp4")
    assert "fetch → probe → trim" in link
    assert link.endswith("→ upload")
    await send(stage, "/dl sample:clip.mp4")
    again = await said(stage, "/dl sample:clip.mp4 --dry-run")
    assert "Already posted" in again
    assert again.endswith("→ upload 1.1 MB")
    assert "Already posted" not in await said(stage, "/dl sample:clip.mp4 --dry-run --force")
    first = next(message.id for message in await stage.owner.history(stage.owner.user_id) if message.file)
    assert "Telegram · 6 s · 1.1 MB" in (reply := await said(stage, "/trim 1-3 --dry-run", first))
    assert "fetch → probe → trim" in reply
    assert "is over after 6" in await said(stage, "/trim 20-30 --dry-run", first)
    assert (await said(stage, "/dl --dry-run", first)).endswith("post again as it is, with no bytes sent")
    await send(stage, "/dl sample:sequel.mp4")
    whole = await said(stage, "/merge 2 --dry-run", first)
    assert "2 files · Telegram · 10 s" in whole
    assert "fetch → probe → merge (without encoding where they are alike) → thumbnail → upload" in whole
    assert "404" in await said(stage, "/dl sample:dead --dry-run")
    assert len(await stage.app.jobs.recent(10)) == 2
    assert len([one for one in stage.telegram.messages() if getattr(one, "media", None)]) == 2
