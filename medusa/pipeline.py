"""Takes one job through the house: resolve → fetch → process → upload → post, or resolve → stream → post."""

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import structlog

from medusa import sources, steps
from medusa.errors import LoginNeeded, StreamBroken, Transient, UserError
from medusa.library import (
    Known,
    Library,
    caption,
    document_of,
    file_of,
    link_of,
    make_post,
    sha256_of,
    where_it_stands,
)
from medusa.model import Job, LocalFile, Order, Stage
from medusa.names import display_name
from medusa.room import Claim, Room
from medusa.scheduler import Run
from medusa.sources import ByteStream, Plan, Source
from medusa.steps.ahead import Ahead, foresee
from medusa.storage import outbox, uploads
from medusa.storage.jobs import Beside
from medusa.storage.library import Post
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.uploads import Upload, Uploads
from medusa.telegram.client import Account
from medusa.telegram.errors import EmptyMedia, MissingPart, StaleReference
from medusa.telegram.marks import kept_ledger
from medusa.telegram.messages import Document, Messenger, cut, new_random_id, units
from medusa.telegram.parts import PART_SIZE, Ledger, part_count
from medusa.telegram.transfer import Uploader, new_ledger
from medusa.tools import Tools
from medusa.vault import Vault

log = structlog.get_logger()

T = TypeVar("T")

LOST_PARTS = 50
"""How many lost parts one upload sends again; when its first part is lost, all of it is."""
LOST_UPLOADS = 5
"""How many whole uploads in a row Telegram may lose before the job gives up."""
_NO_FILE = "Telegram does not take the file, though it was uploaded anew. /retry N tries it once more."
_NO_FILE_TRIES = 2
"""How often in a row Telegram may find nothing in a whole upload."""
POST_WITHIN = 5.0
"""Seconds that a post under way gets to end when its job is cancelled."""
_MARKS = "upload.parts"
_ON_DISK = "file"
"""The version of a file in the work folder, which nobody changes once it is being uploaded."""


@dataclass(slots=True)
class Pipeline:
    """What a job needs on its way; ``run`` is the scheduler's ``work``."""

    tools: Tools
    room: Room
    account: Account
    messenger: Messenger
    uploader: Uploader
    uploads: Uploads
    outbox: Outbox
    library: Library
    vault: Vault

    async def run(self, run: Run) -> None:
        """Do the job from wherever it stands; it returns once everything is posted. Raises MedusaError."""
        async with self._advised(run.job.order), self.library.alone(run.job, run.step_aside):
            entries = await self.outbox.entries(run.job.id)
            known = None if entries else await self.library.known(run.job)
            if known is not None and known.here:
                await self._point(run, known.post)
            else:
                await self._deliver(run, [] if entries else await self._prepare(run, known))

    @asynccontextmanager
    async def _advised(self, order: Order) -> AsyncIterator[None]:
        """Say with a link that wants a login how to give one."""
        try:
            yield
        except LoginNeeded as error:
            raise LoginNeeded(f"{error.user_text} {await self.vault.advice(order.link)}") from error

    def _tools_for(self, order: Order) -> Tools:
        """The tool box with what the owner has for this order."""
        return replace(self.tools, secrets=functools.partial(self.vault.secrets, order=order))

    async def _point(self, run: Run, post: Post) -> None:
        """Make no second post where one stands, but say where."""
        run.learn(title=post.title, size=post.size, post_id=post.message_id, reason=where_it_stands(post))
        if link_of(post) is None:
            await self.library.point(post, f"{run.job.chat_id} {run.job.message_id} {run.job.id}")

    async def _deliver(self, run: Run, new: list[Entry]) -> None:
        try:
            await self._post(run, new)
        except StaleReference as stale:
            log.info("post.stale_reference")
            if isinstance(stale, EmptyMedia):
                await self.uploads.forget(run.job.id)
            try:
                await self._post(run, await self._renewed(run))
            except StaleReference as error:
                raise UserError(_NO_FILE) from error

    async def _prepare(self, run: Run, known: Known | None) -> list[Entry]:
        """Have the document made, unless a post shows it already; returns what is to be posted."""
        document = await self._document(run) if known is None else self._taken(run, known.post)
        job = run.job
        entries = [_media_entry(job, document, new_random_id())]
        if units(_caption(job)) > self.account.limits.caption - 1:
            entries.append(Entry(job.id, 1, job.chat_id, new_random_id(), "text"))
        return entries

    def _taken(self, run: Run, post: Post) -> Document:
        """The document of an earlier post, as if this job had made it."""
        log.info("job.known", post=post.id)
        run.learn(files=(file_of(post, run.workdir),), title=post.title, size=post.size)
        return document_of(post)

    async def _renewed(self, run: Run) -> list[Entry]:
        """The media entry with a new document; its random id stays, so that it remains one post."""
        entry = (await self.outbox.entries(run.job.id))[0]
        document = await self.library.renewed(entry) or await self._document(run)
        return [_media_entry(run.job, document, entry.random_id)]

    async def _document(self, run: Run) -> Document:
        """Make a document of what the order names: from the work folder, straight from the source, or by fetching."""
        job = run.job
        if job.files and job.files[0].path.is_file():
            size = job.files[0].path.stat().st_size
            async with self.room.reserved(run.workdir, size, 1 if _is_processed(job) else 2) as claim:
                return await self._finished(run, job.files[0], claim)
        if document := await self._all_sent(run):
            return document
        source, plan, document = await self._resolve(run)
        if document is None:
            async with self.room.reserved(run.workdir, plan.size, _copies(plan, job.order)) as claim:
                document = await self._finished(run, await self._fetch(run, source, plan), claim)
        return document

    async def _finished(self, run: Run, file: LocalFile, claim: Claim) -> Document:
        """Process and upload a fetched file, which gives the room that it takes back when the job ends."""
        file = await self._processed(run, file)
        claim.settle()
        return await self._upload(run, file)

    async def _all_sent(self, run: Run) -> Document | None:
        """Make the document of a stream of which every part is confirmed; its source is not needed any more."""
        known = await self.uploads.get(run.job.id, 0)
        if known is None or not run.job.files or known.version == _ON_DISK:
            return None
        with kept_ledger(run.workdir / _MARKS, known.file_id, known.size) as ledger:
            if next(ledger.gaps(), None):
                return None
            async with run.stage(Stage.STREAM):
                file = run.job.files[0]
                send = functools.partial(self.uploader.upload_stream, _gone, file.name, ledger, run.report)
                try:
                    return await self._stored(run, file, ledger, send)
                except StreamBroken:
                    return None

    async def _resolve(self, run: Run) -> tuple[Source, Plan, Document | None]:
        """Find the source and its plan, and stream what can be streamed at once.

        A job that has begun to fetch stays in that stage, so that it goes on so.
        """
        order, fetching = run.job.order, run.job.stage is Stage.FETCH
        async with run.stage(Stage.FETCH if fetching else Stage.RESOLVE):
            source, plan = await sources.resolve(order, run.workdir, self._tools_for(order), run.report)
            log.info("job.resolved", source=source.name, title=plan.title, size=plan.size, stream=bool(plan.stream))
            if plan.stream is None or fetching:
                return source, plan, None
            return source, plan, await self._unless_broken(run, source, plan.stream)

    async def _unless_broken(self, run: Run, source: Source, stream: ByteStream) -> Document | None:
        """Stream the file; None when it has to be fetched after all."""
        try:
            return await self._stream(run, source, stream)
        except StreamBroken as broken:
            log.info("stream.broken", reason=broken.user_text)
        except Transient as trouble:
            if stream.version:
                raise
            # Nothing proves that the bytes are the same later, so another try would begin at the beginning.
            log.info("stream.not_resumable", reason=trouble.user_text)
        await self.uploads.forget(run.job.id)
        return None

    async def _fetch(self, run: Run, source: Source, plan: Plan) -> LocalFile:
        async with run.stage(Stage.FETCH, title=display_name(plan.title)):
            order = run.job.order
            return await source.fetch(plan, order, run.workdir, self._tools_for(order), run.report)

    async def _processed(self, run: Run, file: LocalFile) -> LocalFile:
        if not _is_processed(run.job):
            async with run.stage(Stage.PROCESS, files=(file,), title=_title(file)):
                file = await steps.process(file, run.job.order, run.workdir, self.tools, run.report)
        return file

    async def _stream(self, run: Run, source: Source, stream: ByteStream) -> Document | None:
        """Send a file's bytes on as they come; None when it has to be a file first. Raises StreamBroken."""
        tools = self._tools_for(run.job.order)
        async with Ahead(lambda offset: source.read(stream, offset, tools)) as ahead:
            file = await self._under_way(run, stream) or await self._foreseen(run, ahead, stream)
            if file is None:
                return None
            self._check_size(stream.size or 0)
            upload = await self._noted(run, stream.size, stream.version)
            facts = {"files": (file,), "title": _title(file), "size": stream.size or 0}
            await run.enter(Stage.STREAM, beside=_noting(upload), **facts)
            with _ledger(run, upload, stream.size) as ledger:
                send = functools.partial(self.uploader.upload_stream, ahead.at, file.name, ledger, run.report)
                document = await self._stored(run, file, ledger, send)
                run.learn(size=ledger.size)
                return document

    async def _under_way(self, run: Run, stream: ByteStream) -> LocalFile | None:
        """The file that an earlier run has begun to stream, if its bytes still are the same."""
        known = await self.uploads.get(run.job.id, 0)
        if known is None or not run.job.files or not stream.version:
            return None
        return run.job.files[0] if (known.size, known.version) == (stream.size, stream.version) else None

    async def _foreseen(self, run: Run, ahead: Ahead, stream: ByteStream) -> LocalFile | None:
        file = LocalFile(run.workdir / "stream", stream.name, stream.mime, title=stream.title)
        return await foresee(ahead, file, stream.size, run.job.order, run.workdir, self.tools, run.report)

    async def _upload(self, run: Run, file: LocalFile) -> Document:
        """Upload a file of the work folder and make a document of it, unless a post shows the very same."""
        size = file.path.stat().st_size
        self._check_size(size)
        async with _beside(sha256_of(file.path)) as content:
            if (same := await self.library.same(size, content, file, run.job.order)) is not None:
                log.info("job.same_content", post=same.id)
                run.learn(files=(replace(file, name=same.name),), title=_title(file), size=size)
                return document_of(same)
            upload = await self._noted(run, size, _ON_DISK)
            facts = {"files": (file,), "title": _title(file), "size": size}
            async with run.stage(Stage.UPLOAD, beside=_noting(upload), **facts):
                with _ledger(run, upload, size) as ledger:
                    send = functools.partial(self.uploader.upload, file.path, file.name, ledger, run.report)
                    return replace(await self._stored(run, file, ledger, send), content=await content)

    def _check_size(self, size: int) -> None:
        limit = self.account.limits.upload_bytes
        if part_count(size) * PART_SIZE > limit:
            raise UserError(
                f"The file has {size / 1e9:.2f} GB; this account may post {limit / 1e9:.2f} GB. "
                "Ask for a smaller quality, for instance -q 720."
            )

    async def _stored(self, run: Run, file: LocalFile, ledger: Ledger, send: Callable[[], Awaitable[Any]]) -> Document:
        """Have the parts sent, then the thumbnail, and have Telegram make a document of them."""
        job = run.job
        for _ in range(LOST_PARTS):
            uploaded = await send()
            thumb = await self._thumb(file)
            try:
                return await self.messenger.store(
                    job.chat_id, uploaded, file, thumb=thumb, as_document=job.order.as_document
                )
            except MissingPart as missing:
                log.info("upload.part_lost", part=missing.part)
                if missing.part == 0:
                    break
                ledger.forget(missing.part)
            except EmptyMedia as error:
                await self.uploads.forget(job.id)
                raise Transient(_NO_FILE, after=2, tries=_NO_FILE_TRIES) from error
        await self.uploads.forget(job.id)
        raise Transient("Telegram has lost the upload; it starts anew.", after=5, tries=LOST_UPLOADS)

    async def _thumb(self, file: LocalFile) -> Any:
        """The thumbnail as Telethon's InputFile, sent just before it is needed, since Telegram forgets parts."""
        if file.thumb is None or not file.thumb.is_file():
            return None
        return await self.uploader.upload(file.thumb, "thumb.jpg", new_ledger(file.thumb), lambda _: None)

    async def _noted(self, run: Run, size: int | None, version: str) -> Upload | None:
        """What an earlier run has noted of the upload of these bytes, else something new; None for what can't go on."""
        if size is None or not version:
            return None
        known = await self.uploads.get(run.job.id, 0)
        if known is not None and (known.part_size, known.size, known.version) == (PART_SIZE, size, version):
            return known
        return Upload(run.job.id, 0, new_random_id(), PART_SIZE, size, version)

    async def _post(self, run: Run, new: list[Entry]) -> None:
        """Post what the outbox holds of the job, ``new`` entries among it."""
        async with run.stage(Stage.POST, beside=functools.partial(outbox.put, entries=new) if new else None):
            message_id = None
            for entry in await self.outbox.entries(run.job.id):
                message_id = entry.message_id or await self._send(run, entry, message_id)
                if entry.kind == "media":
                    run.learn(post_id=message_id)

    async def _send(self, run: Run, entry: Entry, previous: int | None) -> int:
        """Send one entry and commit its message id; repeated after a kill, it makes no second message."""
        if entry.kind == "media":
            return await self._on_record(run.job, entry, self._post_document(run.job, entry))
        text = _caption(run.job)
        said = self.messenger.say_once(entry.chat_id, text, entry.random_id, previous)
        return await self._on_record(run.job, entry, said)

    async def _on_record(self, job: Job, entry: Entry, post: Coroutine[Any, Any, int]) -> int:
        """Await ``post`` and commit its message id, together with what the library remembers of it.

        A cancel that arrives meanwhile waits a little for them: when they succeed it came too late and is dropped, and
        the job ends as done.
        """

        async def both() -> int:
            message_id = await post
            kept = make_post(job, entry, message_id, time.time()) if entry.kind == "media" and job.files else None
            await self.outbox.posted(entry.job_id, entry.seq, message_id, kept)
            return message_id

        task = asyncio.ensure_future(both())
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=POST_WITHIN)
            if task.done() and not task.cancelled() and task.exception() is None:
                return task.result()
            task.cancel()
            await asyncio.wait({task})
            raise

    async def _post_document(self, job: Job, entry: Entry) -> int:
        return await self.messenger.post(
            entry.chat_id,
            Document(entry.document_id or 0, entry.access_hash or 0, entry.file_reference or b""),
            cut(_caption(job), self.account.limits.caption - 1),
            entry.random_id,
            reply_to=job.message_id if job.chat_id == self.account.user_id and not job.order.secret else None,
            spoiler=job.order.spoiler,
            silent=job.order.silent,
        )


def _noting(upload: Upload | None) -> Beside | None:
    """Writes what resuming the upload needs, if it can be resumed, with the stage in which it begins."""
    return functools.partial(uploads.put, upload=upload) if upload else None


@contextmanager
def _ledger(run: Run, upload: Upload | None, size: int | None) -> Iterator[Ledger]:
    """The ledger of an upload: kept in the work folder, but for one that can't go on."""
    if upload is None:
        yield Ledger(new_random_id(), size)
        return
    with kept_ledger(run.workdir / _MARKS, upload.file_id, upload.size) as ledger:
        yield ledger


def _is_processed(job: Job) -> bool:
    """Whether the file in the work folder is the one to be posted."""
    return bool(job.files) and job.stage in (Stage.UPLOAD, Stage.POST)


def _copies(plan: Plan, order: Order) -> int:
    """How many times a file may stand on the disk: twice while tracks are joined or a video's container is changed."""
    stream = plan.stream
    return 1 if stream is not None and (order.as_document or not stream.mime.startswith("video/")) else 2


async def _gone(_: int) -> AsyncGenerator[bytes, None]:
    """A source that is not asked any more: the stream breaks when it would have to be."""
    chunks: tuple[bytes, ...] = ()
    for chunk in chunks:
        yield chunk


@asynccontextmanager
async def _beside(work: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """Have something done at the same time; what is not done when the block ends is dropped."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _media_entry(job: Job, document: Document, random_id: int) -> Entry:
    return Entry(
        job.id,
        0,
        job.chat_id,
        random_id,
        "media",
        document.id,
        document.access_hash,
        document.file_reference,
        content=document.content,
    )


def _title(file: LocalFile) -> str:
    """What to call the file: the title its source gave, a song's own, else its name, of which media show the stem."""
    if file.title is None and file.media is not None:
        song = file.media.video_codec is None and file.media.title
        return display_name(song or Path(file.name).stem)
    return display_name(file.title or file.name)


def _caption(job: Job) -> str:
    return caption(job.order, job.title, bool(job.files and job.files[0].media))
