"""/update, from the owner's words to the yt-dlp that jobs run, and back."""

from dataclasses import replace
from pathlib import Path

from medusa.config import Config
from medusa.demo.stage import open_stage
from medusa.sources.ytdlp_update import built_in
from tests.e2e.kit import send
from tests.integration.update_kit import NEWER, package_index, real_solver, real_ytdlp, wheel


async def test_what_update_answers(config: Config, tmp_path: Path, samples_folder: Path) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    wheel(shop, "yt_dlp", NEWER, real_ytdlp(NEWER), "yt-dlp-ejs==0.8.0; extra == 'default'")
    wheel(shop, "yt_dlp_ejs", "0.8.0", real_solver())
    async with package_index(shop) as index:
        own = replace(config, index=index.url("/simple/"))
        async with open_stage(own, tmp_path / "stage", samples_folder, [f"127.0.0.1:{index.port}"]) as stage:
            await send(stage, "/update now")
            await send(stage, "/update")
            await send(stage, "/update")
            await send(stage, "/version")
            await send(stage, "/update back")
            said = [message.text for message in await send(stage, "/update back")]
    assert said[0].endswith("/update fetches the newest yt-dlp, /update back leaves it again.")
    assert said[1] == (
        f"yt-dlp {NEWER} is in use from now on, in place of {built_in()}; what runs already keeps the old one.\n"
        "Should it not do: /update back"
    )
    assert said[2] == f"yt-dlp {NEWER} is in use already; the package index has nothing newer."
    assert f"yt-dlp {NEWER} (an update; {built_in()} is built in)" in said[3]
    assert said[4:] == [f"yt-dlp {built_in()}, the built-in one, is in use."] * 2
