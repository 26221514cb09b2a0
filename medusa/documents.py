"""Has Telegram make documents of a job's files and byte streams, and goes on where that was broken off."""

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import structlog

from medusa.errors import StreamBroken, Transient, UserError
from medusa.library import Library, document_of, sha256_of, shows_no_name
from medusa.model import LocalFile, Order, Progress, Stage
from medusa.names import display_name
from medusa.posting import media_entries
from medusa.runs import Run
from medusa.sources import ByteStream, Source
from medusa.steps.ahead import Ahead, foresee
from medusa.storage import uploads
from medusa.storage.jobs import Beside
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.uploads import Upload, Uploads
from medusa.telegram.client import Account
from medusa.telegram.errors import EmptyMedia, MissingPart
from medusa.telegram.marks import kept_ledger
from medusa.telegram.messages import Document, Messenger, new_random_id
from medusa.telegram.parts import BIG_FILE, PART_SIZE, Ledger, part_count
from medusa.telegram.transfer import Uploader, new_ledger
from medusa.tools import Tools
from medusa.workfolder import keep_only

log = structlog.get_logger()

T = TypeVar("T")

Decide = Callable[[Order, Sequence[LocalFile]], Awaitable[Order]]
"""Says where an order is posted, now that its files are known."""
LOST_PARTS = 50
"""How many lost parts one upload sends again; when its first part is lost, all of it is."""
LOST_UPLOADS = 5
"""How many whole uploads in a row Telegram may lose before the job gives up."""
NO_FILE = "Telegram does not take the file, though it was uploaded anew. /retry N tries it once more."
_NO_FILE_TRIES = 2
"""How often in a row Telegram may find nothing in a whole upload."""
_TOGETHER = 10
"""Small files whose documents are committed together; as many may be sent again after a kill."""
_MARKS = "upload.parts"
_ON_DISK = "file"
"""The version of a file in the work folder, which nobody changes once it is being uploaded."""


@dataclass(slots=True)
class Documents:
    """What making documents needs."""

    account: Account
    messenger: Messenger
    uploader: Uploader
    uploads: Uploads
    outbox: Outbox
    library: Library
    decide: Decide

    async def of_file(self, run: Run, file: LocalFile) -> Document:
        """Upload a job's only file and make a document of it, unless a post shows the very same."""
        size = file.path.stat().st_size
        self._check_size(size)
        run.learn(order=await self.decide(run.job.order, (replace(file, size=size),)))
        async with _beside(sha256_of(file.path)) as content:
            if (same := await self.library.same(size, content, file, run.job.order)) is not None:
                log.info("job.same_content", post=same.id)
                run.learn(files=(replace(file, name=same.name, photo=same.photo),), title=title_of(file), size=size)
                return document_of(same)
            upload = await self._noted(run, 0, size, _ON_DISK)
            facts = {"files": (file,), "title": title_of(file), "size": size}
            async with run.stage(Stage.UPLOAD, beside=_noting(upload), **facts):
                await self._tidy(run, (file,))
                with _ledger(run, upload, size) as ledger:
                    send = functools.partial(self.uploader.upload, file.path, file.name, ledger, run.report)
                    return replace(await self._stored(run, file, ledger, send), content=await content)

    async def of_files(self, run: Run, files: tuple[LocalFile, ...], *, anew: bool) -> list[Entry]:
        """Make documents of all of a job's files; returns the entries that are not in the outbox yet.

        Those that stand there are left alone, but made ``anew`` when they are of no use any more. The first file comes
        last, so that where it stands in the outbox, all do.
        """
        files = tuple(replace(file, size=file.path.stat().st_size) for file in files)
        run.learn(order=await self.decide(run.job.order, files))
        noted = await self.outbox.entries(run.job.id)
        kept = {entry.seq for entry in noted} - {entry.file for entry in noted if anew and not entry.done}
        new: list[Entry] = []
        async with run.stage(Stage.UPLOAD, files=files, size=sum(file.size for file in files)):
            await self._tidy(run, files)
            for seq in reversed(range(len(files))):
                if seq not in kept:
                    document = await self._one_of(run, seq, files[seq], f"{len(files) - seq} of {len(files)}")
                    new += media_entries(run.job, seq, document, files[seq])
                if seq and len(new) >= (_TOGETHER if files[seq].size <= BIG_FILE else 1):
                    await self.outbox.keep(new)
                    new.clear()
        return new

    async def _tidy(self, run: Run, files: tuple[LocalFile, ...]) -> None:
        """Give back the room of what the files were made of, now that nobody will make them again."""
        kept = {path for file in files for path in (file.path, file.thumb) if path is not None}
        await asyncio.to_thread(keep_only, run.workdir, {*kept, run.workdir / _MARKS})

    async def _one_of(self, run: Run, seq: int, file: LocalFile, note: str) -> Document:
        """The document of one of several files; only big ones are resumed within."""

        def report(seen: Progress) -> None:
            run.report(replace(seen, note=seen.note or note))

        self._check_size(file.size)
        async with _beside(sha256_of(file.path)) as content:
            if (same := await self.library.same(file.size, content, file, run.job.order)) is not None:
                return document_of(same)
            upload = await self._noted(run, seq, file.size, _ON_DISK) if file.size > BIG_FILE else None
            if upload is not None:
                await self.uploads.keep(upload)
            with _ledger(run, upload, file.size) as ledger:
                send = functools.partial(self.uploader.upload, file.path, file.name, ledger, report)
                return replace(await self._stored(run, file, ledger, send), content=await content)

    async def all_sent(self, run: Run) -> Document | None:
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

    async def of_stream(self, run: Run, source: Source, stream: ByteStream, tools: Tools) -> Document | None:
        """Send a file's bytes on as they come; None when it has to be fetched after all."""
        try:
            return await self._streamed(run, source, stream, tools)
        except StreamBroken as broken:
            log.info("stream.broken", reason=broken.user_text)
        except Transient as trouble:
            if stream.version:
                raise
            # Nothing proves that the bytes are the same later, so another try would begin at the beginning.
            log.info("stream.not_resumable", reason=trouble.user_text)
        await self.uploads.forget(run.job.id)
        return None

    async def _streamed(self, run: Run, source: Source, stream: ByteStream, tools: Tools) -> Document | None:
        """The document of a stream; None when it has to be a file first. Raises StreamBroken."""
        if (stream.size or 0) > tools.upload_limit:
            return None  # it will be split
        async with Ahead(lambda offset: source.read(stream, offset, tools)) as ahead:
            file = await self._under_way(run, stream) or await _foreseen(run, ahead, stream, tools)
            if file is None:
                return None
            run.learn(order=await self.decide(run.job.order, (replace(file, size=stream.size or 0),)))
            upload = await self._noted(run, 0, stream.size, stream.version)
            facts = {"files": (file,), "title": title_of(file), "size": stream.size or 0}
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
                    job.spots[0].chat_id, uploaded, file, thumb=thumb, as_document=job.order.as_document
                )
            except MissingPart as missing:
                log.info("upload.part_lost", part=missing.part)
                if missing.part == 0:
                    break
                ledger.forget(missing.part)
            except EmptyMedia as error:
                await self.uploads.forget(job.id)
                raise Transient(NO_FILE, after=2, tries=_NO_FILE_TRIES) from error
        await self.uploads.forget(job.id)
        raise Transient("Telegram has lost the upload; it starts anew.", after=5, tries=LOST_UPLOADS)

    async def _thumb(self, file: LocalFile) -> Any:
        """The thumbnail as Telethon's InputFile, sent just before it is needed, since Telegram forgets parts."""
        if file.thumb is None or not file.thumb.is_file():
            return None
        return await self.uploader.upload(file.thumb, "thumb.jpg", new_ledger(file.thumb), lambda _: None)

    async def _noted(self, run: Run, seq: int, size: int | None, version: str) -> Upload | None:
        """What an earlier run has noted of the upload of these bytes, else something new; None for what can't go on."""
        if size is None or not version:
            return None
        known = await self.uploads.get(run.job.id, seq)
        if known is not None and (known.part_size, known.size, known.version) == (PART_SIZE, size, version):
            return known
        return Upload(run.job.id, seq, new_random_id(), PART_SIZE, size, version)


def title_of(file: LocalFile) -> str:
    """What to call the file: the title its source gave, a song's own, else its name, of which media show the stem."""
    if file.title is None and shows_no_name(file):
        song = file.media is not None and file.media.video_codec is None and file.media.title
        return display_name(song or Path(file.name).stem)
    return display_name(file.title or file.name)


async def _foreseen(run: Run, ahead: Ahead, stream: ByteStream, tools: Tools) -> LocalFile | None:
    file = LocalFile(run.workdir / "stream", stream.name, stream.mime, title=stream.title)
    return await foresee(ahead, file, stream.size, run.job.order, run.workdir, tools, run.report)


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
