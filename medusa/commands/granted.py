"""Where users may post beside the chat of the command: into the chats that they were granted."""

from medusa.commands import Desk
from medusa.errors import UserError
from medusa.model import Person
from medusa.names import quoted


def granted(desk: Desk, person: Person, text: str) -> str:
    """The chats that ``--to`` names in lines or between commas, by their ids, each perhaps with a topic.

    Raises UserError for others than those that were granted; it tells the same whether there is such a chat or not.
    """
    registered = desk.destinations.registry.channels
    titles = {registered[chat].title: chat for chat in person.chats if chat in registered}
    known = {str(chat): chat for chat in person.chats} | {title.casefold(): chat for title, chat in titles.items()}
    found = []
    for part in text.replace(",", "\n").split("\n"):
        chat, slash, topic = part.strip().partition("/")
        if chat.strip().lower() != "here" and chat.strip().casefold() not in known:
            names = [*titles, *(str(chat) for chat in person.chats if chat not in registered)]
            may = f"here, and into {', '.join(map(quoted, names))}" if names else "here only"
            raise UserError(f"You may post {may}, not into {quoted(part.strip())}.")
        found.append(f"{known.get(chat.strip().casefold(), 'here')}{slash}{topic}")
    return "\n".join(found)
