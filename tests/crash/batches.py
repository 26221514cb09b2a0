"""What the store says of a batch that was played."""

from dataclasses import dataclass

from medusa.storage import Store
from medusa.storage.batch_pages import BatchPages
from medusa.storage.batches import Batches, BatchState


@dataclass(frozen=True, slots=True)
class Played:
    """A batch: where it stands, the message in each of its places, and those of its index."""

    state: BatchState | None = None
    slots: tuple[int, ...] | list[int] = ()
    pages: tuple[int, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        return self.state is BatchState.DONE

    @property
    def messages(self) -> set[int]:
        """All messages that are to stand in its chat."""
        return {*self.slots, *self.pages}


async def played(store: Store, chat_id: int, message_id: int) -> Played:
    """The batch that a command has made."""
    batches = Batches(store)
    for batch in await batches.recent(10_000):
        if (batch.chat_id, batch.message_id) == (chat_id, message_id):
            slots = [one.post_id or 0 for one in await batches.outcomes(batch)]
            pages = (await BatchPages(store).all(batch.id)).values()
            index = tuple(page.message_id for page in pages if page.number and page.message_id)
            return Played(batch.state, slots, index)
    return Played()
