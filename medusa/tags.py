"""Marks posts so that what they came from is known again when the state is lost, and nobody can make such marks up."""

import hmac
import re
from base64 import b32decode, b32encode

from medusa.errors import UserError
from medusa.storage.tag_key import KEY_BYTES, TagKey

_ID = _PROOF = 6
"""Bytes: of what tells orders apart, and of what shows that the mark is no stranger's."""
_TAG = re.compile(r"\s*#m([a-z2-7]{20})\s*\Z")
_ALIAS = b"tag:"
MARK_UNITS = 22
"""UTF-16 units of a mark."""


class Tags:
    """Writes and reads the marks; ``on`` says whether new posts get one.

    A mark is ``#m`` and 20 letters: 6 bytes that stand for the key of the order, and 6 that prove them together with
    the file's size and the chat. Both are HMAC-SHA-256 under a key that only this account's state holds, so a mark that
    is moved to another file, or into another chat, proves nothing.
    """

    def __init__(self, table: TagKey) -> None:
        self._table = table
        self._key = b""
        self.on = False

    async def load(self) -> None:
        """Read the key; the first time, make one."""
        self._key = await self._table.load()

    def turn(self, on: bool) -> None:
        """Have new posts marked, or no longer."""
        self.on = on

    @property
    def key(self) -> str:
        """The key in letters, to be kept elsewhere."""
        return b32encode(self._key).decode()

    async def adopt(self, text: str) -> None:
        """Take the key of a state that was lost. Raises UserError."""
        try:
            key = b32decode(text.strip().upper())
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise UserError("That is no key of marks: it has 32 letters and digits, as /rebuild key shows them.")
        await self._table.put(key)
        self._key = key

    def mark(self, source: bytes, size: int, chat_id: int) -> str:
        """The mark of a post in a chat, for the key of its order and its bytes."""
        name = self._name(source)
        return "#m" + b32encode(name + self._proof(name, size, chat_id)).decode().rstrip("=").lower()

    def alias(self, source: bytes) -> bytes:
        """Under which key a post of this order stands that was known by its mark alone."""
        return _ALIAS + self._name(source)

    def read(self, text: str, size: int, chat_id: int) -> bytes | None:
        """The alias that a post's text proves, None when it has no mark, or one that was made up or moved."""
        found = _TAG.search(text)
        if found is None:
            return None
        data = b32decode(found[1].upper() + "=" * 4)
        name, proof = data[:_ID], data[_ID:]
        return _ALIAS + name if hmac.compare_digest(proof, self._proof(name, size, chat_id)) else None

    @staticmethod
    def without(text: str) -> str:
        """A post's text without its mark."""
        return _TAG.sub("", text)

    def _name(self, source: bytes) -> bytes:
        return hmac.digest(self._key, b"order\0" + source, "sha256")[:_ID]

    def _proof(self, name: bytes, size: int, chat_id: int) -> bytes:
        return hmac.digest(self._key, b"post\0" + name + f"\0{size}\0{chat_id}".encode(), "sha256")[:_PROOF]
