"""Takes one job through the house: resolve → fetch → process → upload → post, or resolve → stream → post.

Where it stands is the stage that was committed last, and what was committed with it. From there another run goes on:

| stage | committed when | with it | and beside it |
|---|---|---|---|
| RESOLVE | a slot for fetching is had | | |
| FETCH | the source is known | title | |
| STREAM | the first bytes are (`documents`) | file, title, size | the upload's id |
| PROCESS | all files are in the work folder | files, title | |
| UPLOAD | nothing changes them any more (`documents`) | files, title, size | the upload's id |
| POST | Telegram holds all of them (`posting`) | | the outbox: documents and random ids |

What becomes of it in the end, the scheduler decides by how ``run`` ends.
"""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from medusa import sources, steps
from medusa.access import Access
from medusa.channels.destinations import Destinations
from medusa.documents import NO_FILE, Documents, title_of
from medusa.errors import LoginNeeded, UserError
from medusa.library import Known, Library, document_of, file_of, link_of, where_it_stands
from medusa.model import Job, LocalFile, Order, Stage
from medusa.names import display_name
from medusa.posting import Posting, complete, media_entries
from medusa.room import Claim, Room
from medusa.runs import Run
from medusa.sources import Plan, Source
from medusa.steps.playing import warning
from medusa.storage.library import Post
from medusa.storage.outbox import Entry, Outbox
from medusa.storage.uploads import Uploads
from medusa.telegram.errors import EmptyMedia, StaleReference
from medusa.telegram.messages import Document, as_document
from medusa.tools import Near, Tools, nothing_kept
from medusa.vault import Vault

log = structlog.get_logger()


@dataclass(slots=True)
class Pipeline:
    """What a job needs on its way; ``run`` is the scheduler's ``work``."""

    tools: Tools
    room: Room
    documents: Documents
    posting: Posting
    uploads: Uploads
    outbox: Outbox
    library: Library
    vault: Vault
    turn: Callable[[Run], Awaitable[None]]
    """Returns when a job may make its posts."""
    destinations: Destinations
    access: Access
    warns: Callable[[], bool] = lambda: True
    """Whether the owner wants to hear of what some phones will not play."""
    streams: Callable[[], bool] = lambda: True
    """Whether plain files may go on as they come."""

    async def run(self, run: Run) -> None:
        """Do the job from wherever it stands; it returns once everything is posted. Raises MedusaError."""
        job = run.job
        async with (
            self._advised(job.order),
            self.library.alone(job, run.step_aside),
            self.access.books.at_work(job.id, job.order.person, lambda: run.fetched),
        ):
            entries = await self.outbox.entries(run.job.id)
            if complete(entries):
                await self._deliver(run, [])
            elif (known := await self._known(run)) is None:
                await self.destinations.ready(run.job)
                await self._deliver(run, await self._prepare(run, entries))
            elif known.here and not run.job.order.slot:
                await self._point(run, known.first)
            else:
                await self._deliver(run, self._taken(run, known))

    async def _known(self, run: Run) -> Known | None:
        """The earlier posts of what the job is to post, which also tell what kind of files those are."""
        known = await self.library.known(run.job)
        if known is None or not run.job.order.routed:
            return known
        await self._decide(run, tuple(file_of(post, run.workdir) for post in known.posts))
        return await self.library.known(run.job)

    async def _decide(self, run: Run, files: Sequence[LocalFile]) -> None:
        """Have the rules say where it is posted; that is committed with the next stage, before anything is posted."""
        run.learn(order=await self.destinations.decided(run.job.order, files))

    @asynccontextmanager
    async def _advised(self, order: Order) -> AsyncIterator[None]:
        """Say with a link that wants a login how to give one."""
        try:
            yield
        except LoginNeeded as error:
            if order.person:  # what the owner keeps for the site is not theirs to know
                raise
            raise LoginNeeded(f"{error.user_text} {await self.vault.advice(order.link)}") from error

    def tools_for(self, order: Order) -> Tools:
        """The tool box with what the owner has for this order."""
        tools = replace(self.tools, secrets=functools.partial(self.vault.secrets, order=order))
        if not order.person:
            return tools
        # Others see neither the account's chats nor, unless they are trusted, what sites show to the owner alone.
        tools = replace(tools, chats=Near(self.tools.chats, (order.person, order.near)) if self.tools.chats else None)
        if self.access.trusts(order.person):
            return tools
        return replace(tools, secrets=nothing_kept)

    async def _point(self, run: Run, post: Post) -> None:
        """Make no second post where one stands, but say where."""
        await self.posting.pin(run, {0: post.message_id})
        run.learn(title=post.title, size=post.size, post_id=post.message_id, reason=where_it_stands(post))
        if link_of(post) is None:
            await self.library.point(post, f"{run.job.chat_id} {run.job.message_id} {run.job.id}")

    async def _deliver(self, run: Run, new: list[Entry]) -> None:
        await self._post(run, new)
        if not run.job.order.as_document and not run.job.reason and self.warns():
            run.learn(reason=warning(run.job.files))

    async def _post(self, run: Run, new: list[Entry]) -> None:
        await self.turn(run)
        try:
            await self.posting.run(run, new)
        except StaleReference as stale:
            log.info("post.stale_reference")
            if isinstance(stale, EmptyMedia):
                await self.uploads.forget(run.job.id)
            try:
                await self.posting.run(run, await self._renewed(run))
            except StaleReference as error:
                raise UserError(NO_FILE) from error

    async def _prepare(self, run: Run, entries: list[Entry]) -> list[Entry]:
        """Have documents made of all files; returns what is to be posted and not in the outbox yet.

        What an earlier run has put there goes on counting for as long as its files are those of this one.
        """
        if entries and not (_is_processed(run.job) and _at_hand(run.job)):
            await self.outbox.drop(run.job.id)
        new = await self._made(run)
        return new + self.posting.overflow(run.job)

    def _taken(self, run: Run, known: Known) -> list[Entry]:
        """What posts the documents of earlier posts, as if this job had made them."""
        log.info("job.known", post=known.first.id)
        files = tuple(file_of(post, run.workdir) for post in known.posts)
        size = sum(post.size for post in known.posts)
        run.learn(files=files, title=known.first.title, size=size)
        taken = zip(known.posts, files, strict=True)
        new = [
            entry
            for seq, (post, file) in enumerate(taken)
            for entry in media_entries(run.job, seq, document_of(post), file)
        ]
        return new + self.posting.overflow(run.job)

    async def _renewed(self, run: Run) -> list[Entry]:
        """The entries that are left, with new documents; their random ids stay, so that each remains one post."""
        left = [entry for entry in await self.outbox.entries(run.job.id) if entry.kind == "media" and not entry.done]
        found = [await self.library.renewed(entry) for entry in left]
        if all(found):
            return [
                replace(
                    entry,
                    document_id=document.id,
                    access_hash=document.access_hash,
                    file_reference=document.file_reference,
                    content=document.content,
                )
                for entry, document in zip(left, found, strict=True)
                if document is not None
            ]
        return await self._made(run, anew=True)

    async def _made(self, run: Run, *, anew: bool = False) -> list[Entry]:
        """Make documents of what the order names: from the work folder, straight from the source, or by fetching.

        With ``anew``, those that stand in the outbox are of no use.
        """
        job = run.job
        if _at_hand(job):
            size = sum(file.path.stat().st_size for file in job.files)
            copies = (
                1
                if _is_processed(job)
                else self._copies(job.order, max(file.path.stat().st_size for file in job.files))
            )
            async with self.room.reserved(run.workdir, size, copies) as claim:
                return await self._finished(run, job.files, claim, anew=anew)
        if document := await self.documents.all_sent(run):
            return media_entries(run.job, 0, document, run.job.files[0])
        source, plan, document = await self._resolve(run)
        if plan.held:
            await self._decide(run, tuple(held.file for held in plan.held))
            return _as_held(run, plan)
        if document is not None:
            return media_entries(run.job, 0, document, run.job.files[0])
        copies = self._copies(job.order, plan.size, as_it_is=_goes_as_it_is(plan, job.order))
        async with self.room.reserved(run.workdir, plan.size, copies) as claim:
            return await self._finished(run, await self._fetch(run, source, plan), claim, anew=anew)

    def _copies(self, order: Order, size: int | None, *, as_it_is: bool = False) -> int:
        """How many times a file may stand on the disk: twice while tracks are joined or a video's container is changed.

        What the owner has made of it needs room for what was fetched, what comes of it, and what is made of that. So
        does what is too big for one post, and is split.
        """
        if order.edits or (size or 0) > self.tools.upload_limit:
            return 3
        return 1 if as_it_is else 2

    async def _finished(self, run: Run, files: tuple[LocalFile, ...], claim: Claim, *, anew: bool) -> list[Entry]:
        """Process and upload fetched files, which give the room that they take back when the job ends."""
        files = await self._processed(run, files)
        claim.settle()
        if len(files) > 1:
            return await self.documents.of_files(run, files, anew=anew)
        document = await self.documents.of_file(run, files[0])
        return media_entries(run.job, 0, document, run.job.files[0])

    async def _resolve(self, run: Run) -> tuple[Source, Plan, Document | None]:
        """Find the source and its plan, and stream what can be streamed at once.

        A job that has begun to fetch stays in that stage, so that it goes on so.
        """
        order, fetching = run.job.order, run.job.stage is Stage.FETCH
        async with run.stage(Stage.FETCH if fetching else Stage.RESOLVE):
            source, plan = await sources.resolve(order, run.workdir, self.tools_for(order), run.report)
            log.info("job.resolved", source=source.name, size=plan.size, stream=bool(plan.stream))
            if order.person:
                await self.access.books.expect_bytes(run.job.id, order.person, plan.size or 0)
            if plan.stream is None or fetching or not self.streams():
                return source, plan, None
            return source, plan, await self.documents.of_stream(run, source, plan.stream, self.tools_for(order))

    async def _fetch(self, run: Run, source: Source, plan: Plan) -> tuple[LocalFile, ...]:
        async with run.stage(Stage.FETCH, title=display_name(plan.title)):
            order = run.job.order
            fetched = await source.fetch(plan, order, run.workdir, self.tools_for(order), run.report)
            return fetched if isinstance(fetched, tuple) else (fetched,)

    async def _processed(self, run: Run, files: tuple[LocalFile, ...]) -> tuple[LocalFile, ...]:
        if _is_processed(run.job):
            return files
        async with run.stage(Stage.PROCESS, files=files, title=title_of(files[0])):
            order, report = run.job.order, run.report
            return await steps.process(files, order, run.workdir, self.tools, report)


def _as_held(run: Run, plan: Plan) -> list[Entry]:
    """What posts the very documents that Telegram holds."""
    files = tuple(held.file for held in plan.held)
    run.learn(files=files, title=display_name(plan.title), size=sum(file.size for file in files))
    documents = [as_document(held.document) for held in plan.held]
    return [
        entry
        for seq, both in enumerate(zip(documents, files, strict=True))
        for entry in media_entries(run.job, seq, *both)
    ]


def _is_processed(job: Job) -> bool:
    """Whether the files in the work folder are those to be posted."""
    return bool(job.files) and job.stage in (Stage.UPLOAD, Stage.POST)


def _at_hand(job: Job) -> bool:
    """Whether all of the job's files are in the work folder."""
    return bool(job.files) and all(file.path.is_file() for file in job.files)


def _goes_as_it_is(plan: Plan, order: Order) -> bool:
    """Whether nothing is made of a file but a post."""
    plain = plan.stream is not None and (order.as_document or not plan.stream.mime.startswith("video/"))
    return plain and not order.edits
