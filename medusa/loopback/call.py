"""One request on its way through a method: who asks, what the method may touch, what it leaves to be sent."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from telethon.tl import types

from medusa.loopback.accounts import Account
from medusa.loopback.boxes import Chat, Event, unmarked
from medusa.loopback.keys import AuthKey
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.session import Session
from medusa.loopback.world import World


@dataclass(slots=True)
class Call:
    """What a method gets; ``pushes`` go out once its changes are committed."""

    world: World
    session: Session | None
    account: Account | None
    pushes: list[tuple[Session, Any]] = field(default_factory=list)

    @property
    def me(self) -> Account:
        """The account that is logged in. Raises RpcFailure AUTH_KEY_UNREGISTERED."""
        if self.account is None:
            raise RpcFailure("AUTH_KEY_UNREGISTERED")
        return self.account

    @property
    def key(self) -> AuthKey:
        """The auth key that the request came under."""
        if self.session is None:
            raise RpcFailure("AUTH_KEY_INVALID")
        return self.world.keys.effective(self.session.key)

    def chat(self, peer: Any) -> Chat:
        """The chat that an ``inputPeer`` or ``inputChannel`` names. Raises RpcFailure."""
        me = self.me
        if isinstance(peer, types.InputPeerSelf):
            return Chat(me.user_id, me.user_id)
        if isinstance(peer, types.InputPeerUser):
            return Chat(me.user_id, self.user(peer).user_id)
        if isinstance(peer, types.InputPeerChannel | types.InputChannel):
            return Chat(*(self.world.channels.find(peer.channel_id, peer.access_hash, me.user_id).peer,) * 2)
        raise RpcFailure("PEER_ID_INVALID")

    def user(self, user: Any) -> Account:
        """The account that an ``inputUser`` or ``inputPeerUser`` names. Raises RpcFailure."""
        if isinstance(user, types.InputUserSelf | types.InputPeerSelf):
            return self.me
        if isinstance(user, types.InputUser | types.InputPeerUser):
            return self.world.accounts.find(user.user_id, user.access_hash)
        raise RpcFailure("USER_ID_INVALID")

    def tell(self, event: Event) -> Any | None:
        """Push an event to everyone it concerns but the asking session; returns the asker's own update."""
        for account in self.world.audience(event.box):
            update = self.world.update_of(event, account)
            if update is not None:
                self.push(account, [update], peers=[event.peer])
        return self.world.update_of(event, self.me.user_id) if event.box in (self.me.user_id, event.peer) else None

    def push(self, account: int, updates: list[Any], peers: Iterable[int] = ()) -> None:
        """Push updates to an account's other sessions."""
        targets = [
            session
            for session in self.world.sessions_of(account)
            if session.wants_updates and session is not self.session
        ]
        if targets:
            bundle = self.world.bundle(account, updates, peers)
            self.pushes.extend((session, bundle) for session in targets)

    def require_free(self, chat: Chat, what: str) -> None:
        """Raise the RpcFailure that a test has laid on a chat for ``write`` or ``edit``, if any."""
        error = self.world.database.value("SELECT error FROM forbidden WHERE peer = ? AND what = ?", chat.peer, what)
        if error:
            raise RpcFailure(error)

    def rights(self, chat: Chat) -> Any:
        """The ``chatAdminRights`` that the account has in a channel; None where it has none."""
        return self.world.channels.rights(self.world.channels.get(unmarked(chat.peer)), self.me.user_id)

    def require_rights(self, chat: Chat, topic: int | None = None) -> None:
        """Raise CHAT_WRITE_FORBIDDEN unless the account may write in the chat, and TOPIC_CLOSED for a closed topic."""
        if not chat.is_channel:
            return
        rights = self.rights(chat)
        if not self.world.channels.get(unmarked(chat.peer)).megagroup and not (rights and rights.post_messages):
            raise RpcFailure("CHAT_WRITE_FORBIDDEN")
        if (
            topic is not None
            and self.world.topics.is_closed(chat.peer, topic)
            and not (rights and rights.manage_topics)
        ):
            raise RpcFailure("TOPIC_CLOSED")


Handler = Callable[[Call, Any], Any]
"""A method: from call and request to the result, a TL object, bool or list. Raises RpcFailure."""

Methods = dict[type, Handler]
"""What a method module puts into its METHODS constant."""
