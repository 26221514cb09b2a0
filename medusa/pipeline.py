"""Takes one job through the house: resolve → fetch → process → upload → post."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from medusa import sources, steps
from medusa.errors import Transient, UserError
from medusa.model import Job, LocalFile, Stage
from medusa.names import display_name
from medusa.scheduler import Run
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.uploads import Upload, Uploads
from medusa.telegram.client import Account
from medusa.telegram.errors import MissingPart, StaleReference
from medusa.telegram.messages import Document, Messenger, cut, new_random_id, units
from medusa.telegram.parts import PART_SIZE, Ledger, part_count
from medusa.telegram.transfer import Uploader, new_ledger
from medusa.tools import Tools

log = structlog.get_logger()

LOST_PARTS = 50
"""How many lost parts one upload sends again; when its first part is lost, all of it is."""
LOST_UPLOADS = 5
"""How many whole uploads in a row Telegram may lose before the job gives up."""
POST_WITHIN = 5.0
"""Seconds that a post under way gets to end when its job is cancelled."""


@dataclass(slots=True)
class Pipeline:
    """What a job needs on its way; ``run`` is the scheduler's ``work``."""

    tools: Tools
    account: Account
    messenger: Messenger
    uploader: Uploader
    uploads: Uploads
    outbox: Outbox

    async def run(self, run: Run) -> None:
        """Do the job from wherever it stands; it returns once everything is posted. Raises MedusaError."""
        entries = await self.outbox.entries(run.job.id)
        if not entries:
            file = await self._file(run)
            entries = await self._upload(run, file)
        await self._post(run, entries)

    async def _file(self, run: Run) -> LocalFile:
        """The file to post: what a previous run left in the work folder, else fetched and processed now."""
        job = run.job
        if job.files and job.files[0].path.is_file():
            file = job.files[0]
            if job.stage in (Stage.UPLOAD, Stage.POST):
                return file
        else:
            file = await self._fetch(run)
        async with run.stage(Stage.PROCESS, files=(file,), title=_title(file)):
            file = await steps.process(file, job.order, run.workdir, self.tools, run.report)
        self._check_size(file)
        return file

    async def _fetch(self, run: Run) -> LocalFile:
        order = run.job.order
        async with run.stage(Stage.RESOLVE):
            source, plan = await sources.resolve(order, run.workdir, self.tools, run.report)
        log.info("job.resolved", source=source.name, title=plan.title, size=plan.size)
        async with run.stage(Stage.FETCH, title=display_name(plan.title)):
            return await source.fetch(plan, order, run.workdir, self.tools, run.report)

    def _check_size(self, file: LocalFile) -> None:
        size, limit = file.path.stat().st_size, self.account.limits.upload_bytes
        if part_count(size) * PART_SIZE > limit:
            raise UserError(
                f"The file has {size / 1e9:.2f} GB; this account may post {limit / 1e9:.2f} GB. "
                "Ask for a smaller quality, for instance -q 720."
            )

    async def _upload(self, run: Run, file: LocalFile) -> list[Entry]:
        """Upload the parts, make a document of them, and commit what is to be posted."""
        job = run.job
        facts = {"files": (file,), "title": _title(file), "size": file.path.stat().st_size}
        async with run.stage(Stage.UPLOAD, **facts):
            document = await self._document(run, file)
            entries = [_media_entry(job, document, new_random_id())]
            if units(_caption(job)) > self.account.limits.caption - 1:
                entries.append(Entry(job.id, 1, job.chat_id, new_random_id(), "text"))
            await self.outbox.put(entries)
        return await self.outbox.entries(job.id)

    async def _document(self, run: Run, file: LocalFile) -> Document:
        """Upload the file, then its thumbnail, and have Telegram make a document of them."""
        job = run.job
        ledger = await self._ledger(job, file)

        async def save(ledger: Ledger) -> None:
            await self.uploads.put(Upload(job.id, 0, ledger.file_id, PART_SIZE, ledger.size, bytes(ledger.acked)))

        for _ in range(LOST_PARTS):
            uploaded = await self.uploader.upload(file.path, file.name, ledger, run.report, save)
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
        await self.uploads.forget(job.id)
        raise Transient("Telegram has lost the upload; it starts anew.", after=5, tries=LOST_UPLOADS)

    async def _thumb(self, file: LocalFile) -> Any:
        """The thumbnail as Telethon's InputFile, sent just before it is needed, since Telegram forgets parts."""
        if file.thumb is None:
            return None
        return await self.uploader.upload(file.thumb, "thumb.jpg", new_ledger(file.thumb), lambda _: None)

    async def _ledger(self, job: Job, file: LocalFile) -> Ledger:
        """The ledger of an earlier run's upload of this file, else a new one."""
        known = await self.uploads.get(job.id, 0)
        size = file.path.stat().st_size
        if known is not None and known.size == size and known.part_size == PART_SIZE:
            return Ledger(known.file_id, size, bytearray(known.acked))
        return new_ledger(file.path)

    async def _post(self, run: Run, entries: list[Entry]) -> None:
        async with run.stage(Stage.POST):
            message_id = None
            for entry in entries:
                message_id = entry.message_id or await self._send(run, entry, message_id)
                if entry.kind == "media":
                    await run.note(post_id=message_id)

    async def _send(self, run: Run, entry: Entry, previous: int | None) -> int:
        """Send one entry and commit its message id; repeated after a kill, it makes no second message."""
        if entry.kind == "text":
            text = _caption(run.job)
            return await self._on_record(entry, self.messenger.say_once(entry.chat_id, text, entry.random_id, previous))
        try:
            return await self._on_record(entry, self._post_document(run.job, entry))
        except StaleReference:
            log.info("post.stale_reference")
        # The file is still in the work folder. The random id stays, so that it remains one post.
        document = await self._document(run, run.job.files[0])
        entry = _media_entry(run.job, document, entry.random_id)
        await self.outbox.put([entry])
        return await self._on_record(entry, self._post_document(run.job, entry))

    async def _on_record(self, entry: Entry, post: Coroutine[Any, Any, int]) -> int:
        """Await ``post`` and commit its message id.

        A cancel that arrives meanwhile waits a little for them: when they succeed it came too late and is dropped, and
        the job ends as done.
        """

        async def both() -> int:
            message_id = await post
            await self.outbox.posted(entry.job_id, entry.seq, message_id)
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
            reply_to=job.message_id if job.chat_id == self.account.user_id else None,
            spoiler=job.order.spoiler,
            silent=job.order.silent,
        )


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
    )


def _title(file: LocalFile) -> str:
    """What to call the file: the title its source gave, a song's own, else its name, of which media show the stem."""
    if file.title is None and file.media is not None:
        song = file.media.video_codec is None and file.media.title
        return display_name(song or Path(file.name).stem)
    return display_name(file.title or file.name)


def _caption(job: Job) -> str:
    """What stands under the post: the owner's words, else a video's or song's title; a file shows its name itself."""
    if job.order.caption is not None:
        return job.order.caption
    return job.title if job.files and job.files[0].media else ""
