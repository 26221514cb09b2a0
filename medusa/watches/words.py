"""How watched lists read."""

from collections.abc import Sequence

from markupsafe import Markup

from medusa.model import JobState
from medusa.names import brief
from medusa.storage.watches import Ran, Taken, Watch
from medusa.watches import filters, times
from medusa.words import clock, message_link

_SIGNS = {"done": "✓", "failed": "✗", "cancelled": "–", "dropped": "–"}


def head(watch: Watch) -> Markup:
    """What a watch is called."""
    return Markup("<b>Watch {}</b> {}").format(watch.id, watch.title)


def listed(watch: Watch, latest: Sequence[Ran], now: float) -> Markup:
    """Two lines on a watch in a list."""
    return Markup("{}\n{}").format(head(watch), " · ".join([*_when(watch, now), _latest(latest, now)]))


def card(watch: Watch, runs: Sequence[Ran], items: Sequence[Taken], now: float) -> Markup:
    """All about a watch at Unix time ``now``: what it is, its latest runs, and the items that they have taken."""
    wanted = str(filters.restored(watch.filters))
    lines = [head(watch), Markup("{}").format(watch.order.link), Markup(" · ").join(_when(watch, now))]
    lines += [Markup("Only {}").format(wanted)] if wanted else []
    count = f", {watch.items} items then" if watch.items else ""
    lines.append(Markup("Looked at {}{}").format(clock(watch.looked, now), count))
    lines += [Markup("Failed {} times in a row: {}").format(watch.fails, watch.reason)] if watch.fails else []
    for run in runs:
        passed = f", {run.passed} passed over" if run.passed else ""
        lines.append(Markup("{}: {} taken{}, batch {}").format(clock(run.at, now), run.taken, passed, run.batch_id))
    return Markup("\n").join([*lines, *(_item(one, watch.order.spots[0].chat_id) for one in items)])


def _item(item: Taken, chat_id: int) -> Markup:
    name = brief(item.name or item.link)
    link = message_link(chat_id, item.post_id) if item.state == JobState.DONE and item.post_id else None
    if link is not None:
        return Markup('✓ <a href="{}">{}</a>').format(link, name)
    return Markup("{} {}").format(_SIGNS.get(item.state, "…"), name)


def _when(watch: Watch, now: float) -> list[str]:
    if not watch.active:
        return [str(times.restored(watch.times)), "paused"]
    failing = f", after {watch.fails} failures" if watch.fails else ""
    return [str(times.restored(watch.times)), f"next at {clock(watch.due, now)}{failing}"]


def _latest(runs: Sequence[Ran], now: float) -> str:
    return f"{runs[0].taken} taken at {clock(runs[0].at, now)}" if runs else "nothing taken yet"
