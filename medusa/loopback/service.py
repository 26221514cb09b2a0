"""Answers the protocol's own messages: acknowledgements, pings, salts, states of messages and sessions.

https://core.telegram.org/mtproto/service_messages
"""

import struct
import time
from collections.abc import Callable
from typing import Any

from telethon.tl import functions, types

from medusa.loopback.keys import SALT_LIFE
from medusa.loopback.session import Session
from medusa.loopback.tl import Incoming
from medusa.loopback.world import World

_MAX_SALTS = 64


def _acknowledged(_world: World, session: Session, _incoming: Incoming, ack: Any) -> Any:
    """The client has the answers: they need not be kept."""
    acknowledged = set(ack.msg_ids)
    for request_id, (answer_id, _) in list(session.answers.items()):
        if answer_id in acknowledged:
            del session.answers[request_id]


def _ping(_world: World, _session: Session, incoming: Incoming, ping: Any) -> Any:
    return types.Pong(incoming.msg_id, ping.ping_id)


def _future_salts(world: World, session: Session, incoming: Incoming, request: Any) -> Any:
    now = int(time.time())
    start = now - now % SALT_LIFE
    salts = [
        types.FutureSalt(
            start + ahead * SALT_LIFE, start + (ahead + 2) * SALT_LIFE, world.keys.salt(session.key, ahead)
        )
        for ahead in range(max(1, min(request.num, _MAX_SALTS)))
    ]
    return _future_salts_bytes(incoming.msg_id, now, salts)


def _future_salts_bytes(msg_id: int, now: int, salts: list[Any]) -> bytes:
    """``future_salts`` carries a bare vector of bare salts, which generated classes cannot write."""
    head = struct.pack("<Iqii", types.FutureSalts.CONSTRUCTOR_ID, msg_id, now, len(salts))
    return head + b"".join(bytes(salt)[4:] for salt in salts)


def _states(_world: World, session: Session, incoming: Incoming, request: Any) -> Any:
    """4 for what was received, 1 for what is not known."""
    known = bytes(4 if number in session.answers or number in session.pending else 1 for number in request.msg_ids)
    return types.MsgsStateInfo(incoming.msg_id, known)


def _destroy_session(world: World, session: Session, _incoming: Incoming, request: Any) -> Any:
    if request.session_id != session.id and world.sessions.destroy(session.key, request.session_id):
        return types.DestroySessionOk(request.session_id)
    return types.DestroySessionNone(request.session_id)


def _nothing(_world: World, _session: Session, _incoming: Incoming, _request: Any) -> Any:
    return None


SERVICE: dict[type, Callable[[World, Session, Incoming, Any], Any]] = {
    types.MsgsAck: _acknowledged,
    types.MsgsStateInfo: _nothing,
    types.MsgsAllInfo: _nothing,
    types.HttpWait: _nothing,
    functions.PingRequest: _ping,
    functions.PingDelayDisconnectRequest: _ping,
    functions.GetFutureSaltsRequest: _future_salts,
    types.MsgsStateReq: _states,
    types.MsgResendReq: _states,
    functions.DestroySessionRequest: _destroy_session,
}
