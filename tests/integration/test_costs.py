"""What a job that ends well writes to the state, counted from its command's arrival until all is settled."""

from dataclasses import dataclass

from medusa.demo.stage import Stage
from medusa.model import JobState, Order
from medusa.storage import Store
from medusa.storage.jobs import Jobs
from medusa.storage.library import keep
from tests.e2e.kit import send
from tests.integration.storage_kit import Log, shown

MOST_COMMITS = 12
MOST_BYTES = 64 * 1024

KINDS = {
    "a document is streamed": "notes.pdf",
    "many parts are streamed": "archive.bin",
    "a video is streamed": "streamable.mp4",
    "a video is fetched and made right": "clip.mp4",
    "a playlist is joined": "hls/index.m3u8",
    "what stands in the chat is pointed to": "notes.pdf",
    "a known document is posted anew": "notes.pdf --spoiler",
}


@dataclass(frozen=True)
class Cost:
    commits: int
    bytes: int


async def cost(stage: Stage, text: str) -> Cost:
    """What one job costs: everything that is committed meanwhile, and the bytes of both the log and the file.

    Each page that was logged is counted as if it were taken over into the file right after the job; in truth many jobs
    share that.
    """
    log, before = Log(stage.app.config.data), stage.app.store.commits
    await send(stage, text)
    [job] = await stage.app.jobs.recent(1)
    assert (job.state, job.told) == (JobState.DONE, True)
    return Cost(stage.app.store.commits - before, log.bytes_of(log.news()))


async def remember(store: Store, count: int) -> None:
    """Fill the state with jobs and posts of long ago."""
    old = await Jobs(store).add([Order(f"https://example.org/film-{n}.mp4") for n in range(count)], 1, 1, 0.0)
    async with store.write() as db:
        await db.run("UPDATE jobs SET state = 'done', ended = 1, told = 1")
        for job in old:
            digest = job.id.to_bytes(2, "little") * 16
            await keep(db, shown(job, source=digest, content=digest, document_id=hash(digest)))


async def test_a_job_that_ends_well_writes_little(stage: Stage) -> None:
    costs = {name: await cost(stage, f"/dl sample:{sample}") for name, sample in KINDS.items()}
    await remember(stage.app.store, 1000)
    await stage.app.store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    costs["a video is fetched and made right after many others"] = await cost(stage, "/dl sample:clip.mp4 --force")
    assert {name: one for name, one in costs.items() if one.commits > MOST_COMMITS or one.bytes > MOST_BYTES} == {}
    assert all(one.commits and one.bytes for one in costs.values())
