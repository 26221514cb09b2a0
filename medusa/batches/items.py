"""What is asked for with the items of a list, given what was asked for with the list."""

import re
from dataclasses import replace

from medusa.model import Order
from medusa.sources.described import Entry
from medusa.vault import is_home


def for_item(order: Order, entry: Entry, title: str) -> Order:
    """What is asked for with an item of a playlist of this title.

    It may name any host, and the headers are not meant for that. Where the items are plain files, as those of feeds
    are, they are called as the list calls them.
    """
    headers = order.headers if is_home(entry.link, order) else ""
    numbered = re.fullmatch(re.escape(title) + r" \(\d+\)", entry.title)
    plain = entry.key == entry.link or entry.key.startswith("guid:")
    name = entry.title if plain and entry.named and not numbered else None
    return replace(order, link=entry.link, headers=headers, name=name)
