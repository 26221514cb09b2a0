"""What has become of the topics of forums since they were opened: other titles, and which are closed."""

from medusa.loopback.database import Database


class Topics:
    """Topics by the marked id of their forum and the number of their opening message."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def title(self, peer: int, topic: int) -> str | None:
        """The title that a topic was given later; None where it has kept its first one."""
        title = self._database.value("SELECT title FROM topics WHERE peer = ? AND id = ?", peer, topic)
        return None if title is None else str(title)

    def is_closed(self, peer: int, topic: int) -> bool:
        """Whether none but admins may write in a topic."""
        return bool(self._database.value("SELECT closed FROM topics WHERE peer = ? AND id = ?", peer, topic))

    def edit(self, peer: int, topic: int, title: str | None, closed: bool | None) -> None:
        """Give a topic another title, close or open it; None leaves it as it is."""
        self._database.run("INSERT OR IGNORE INTO topics VALUES(?, ?, NULL, 0)", peer, topic)
        sql = "UPDATE topics SET title = coalesce(?, title), closed = coalesce(?, closed) WHERE peer = ? AND id = ?"
        self._database.run(sql, title, closed, peer, topic)
