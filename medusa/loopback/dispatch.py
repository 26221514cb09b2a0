"""Carries a request from its wrappers to its method and turns what comes back into ``rpc_result`` bytes."""

import asyncio
import logging
import struct
from dataclasses import dataclass
from typing import Any

from telethon.tl import functions, types

from medusa.discover import plugins
from medusa.loopback import faults as trouble
from medusa.loopback import tl
from medusa.loopback.call import Call, Handler
from medusa.loopback.faults import Fault, Faults
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.session import Session
from medusa.loopback.world import CDN_DC, HOME_DC, World

log = logging.getLogger(__name__)

_WRAPPERS = (
    functions.InvokeWithTakeoutRequest,
    functions.InvokeWithMessagesRangeRequest,
    functions.InvokeWithBusinessConnectionRequest,
)

# What a request with parameters of the wrong kind runs into: such a request is answered, not trusted.
_MISTAKES = (AttributeError, TypeError, ValueError, LookupError, ArithmeticError, struct.error)

# Requests that say nothing about wanting updates: transfers, and what every connection opens with.
_QUIET = frozenset({"auth.importAuthorization", "auth.exportAuthorization", "auth.bindTempAuthKey"})


_INCOMPRESSIBLE = (functions.upload.GetFileRequest, functions.upload.GetCdnFileRequest)
_WRITING = ("messages.send", "messages.edit", "messages.upload", "messages.delete", "upload.save")
_LOGINS = frozenset({"auth.sendCode", "auth.signIn", "auth.signUp"})
_ON_CDN = frozenset({"upload.getCdnFile", "help.getConfig", "help.getNearestDc", "auth.bindTempAuthKey"})
_ANYWHERE = _QUIET | {
    *("upload.getFile", "upload.getFileHashes", "upload.reuploadCdnFile", "upload.getCdnFileHashes"),
    *("help.getConfig", "help.getAppConfig", "help.getNearestDc", "help.getCdnConfig", "auth.logOut"),
}


class ConnectionCut(Exception):
    """A fault wants the connection closed."""


def load_methods() -> dict[type, Handler]:
    """Every method in the folder. Raises ValueError when two files answer the same one."""
    methods: dict[type, Handler] = {}
    for name, found in plugins("medusa.loopback.methods", "METHODS", dict).items():
        twice = methods.keys() & found.keys()
        if twice:
            raise ValueError(f"{name} answers again: {', '.join(sorted(map(tl.method_name, twice)))}")
        methods.update(found)
    return methods


@dataclass(slots=True)
class Unwrapped:
    """A request without its wrappers, and what those said."""

    request: Any
    after: tuple[int, ...] = ()
    layer: int | None = None
    device: str | None = None
    muted: bool = False


def unwrap(request: Any) -> Unwrapped:
    """Take ``invokeWithLayer`` and its kin off. https://core.telegram.org/api/invoking"""
    found = Unwrapped(request)
    while True:
        inner = found.request
        if isinstance(inner, functions.InvokeWithLayerRequest):
            found.layer = inner.layer
        elif isinstance(inner, functions.InitConnectionRequest):
            found.device = f"{inner.device_model} · {inner.app_version}"
        elif isinstance(inner, functions.InvokeWithoutUpdatesRequest):
            found.muted = True
        elif isinstance(inner, functions.InvokeAfterMsgRequest):
            found.after += (inner.msg_id,)
        elif isinstance(inner, functions.InvokeAfterMsgsRequest):
            found.after += tuple(inner.msg_ids)
        elif not isinstance(inner, _WRAPPERS):
            return found
        found.request = inner.query


class Dispatcher:
    """Executes requests of sessions against the world."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._methods = load_methods()

    async def execute(self, session: Session, body: bytes | memoryview) -> bytes:
        """The answer to a request's TL bytes, as TL bytes. Raises ConnectionCut."""
        try:
            call = unwrap(tl.parse(body))
        except tl.Unreadable as error:
            return _error(RpcFailure(f"INPUT_METHOD_INVALID_{error.constructor}"))
        self._note(session, call)
        await self._wait_for(session, call.after)
        name = tl.method_name(call.request)
        self._world.calls[name] += 1
        met = self._faults.meeting(name, call.request)
        try:
            for fault in met:
                await _suffer(fault)
            lost = any(fault.kind == trouble.LOSE for fault in met)
            answer = tl.pack(True) if lost else self._run(session, name, call.request)
        except RpcFailure as failure:
            return _error(failure)
        if any(fault.kind == trouble.DROP_AFTER for fault in met):
            raise ConnectionCut
        return answer

    def _note(self, session: Session, call: Unwrapped) -> None:
        session.layer = call.layer or session.layer
        session.muted = session.muted or call.muted
        if call.device is not None and call.device != session.key.device:
            session.key.device = call.device
            self._world.keys.save(session.key)

    async def _wait_for(self, session: Session, after: tuple[int, ...]) -> None:
        waiting = [session.pending[number] for number in after if number in session.pending]
        if waiting:
            await asyncio.wait(waiting)

    def _stay_home(self, name: str, account: int | None) -> None:
        """Accounts live in one data centre; the others hand out files. Raises RpcFailure."""
        dc_id = self._world.dc_id
        if dc_id == HOME_DC or name in (_ON_CDN if dc_id == CDN_DC else _ANYWHERE):
            return
        if dc_id == CDN_DC or (account is None and name not in _LOGINS):
            raise RpcFailure("AUTH_KEY_UNREGISTERED")
        raise RpcFailure(f"{'PHONE' if name in _LOGINS else 'USER'}_MIGRATE_{HOME_DC}")

    def _run(self, session: Session, name: str, request: Any) -> bytes:
        """One method, as one transaction: its changes are kept whole, or not at all. Raises RpcFailure."""
        key = self._world.keys.effective(session.key)
        if key.error is not None:
            raise RpcFailure(key.error)
        handler = self._methods.get(type(request))
        if handler is None:
            raise RpcFailure(f"INPUT_METHOD_INVALID_{getattr(request, 'CONSTRUCTOR_ID', 0):08X}")
        self._stay_home(name, key.account)
        account = self._world.accounts.get(key.account) if key.account is not None else None
        if key.account in self._world.frozen and name.startswith(_WRITING):
            raise RpcFailure("FROZEN_METHOD_INVALID", 420)
        if not name.startswith(("upload.", "help.")) and name not in _QUIET:
            session.subscribed = True
        call = Call(self._world, session, account)
        try:
            with self._world.database.transaction():
                result = handler(call, request)
            answer = result if isinstance(result, bytes) else tl.pack(result)
        except _MISTAKES:
            log.exception("%s failed", name)
            raise RpcFailure("INTERNAL_SERVER_ERROR", 500) from None
        deliver(call)
        return answer if isinstance(request, _INCOMPRESSIBLE) else tl.deflate(answer)


def deliver(call: Call) -> None:
    """Send the updates that a call has left for other sessions."""
    packed: dict[int, bytes] = {}
    for session, updates in call.pushes:
        if session.link is not None:
            body = packed.setdefault(id(updates), tl.deflate(tl.pack(updates)))
            session.link.send(session, body, content=True, answer=False)


async def _suffer(fault: Fault) -> None:
    if fault.kind == trouble.DELAY:
        await asyncio.sleep(fault.seconds)
    elif fault.kind == trouble.HANG:
        await asyncio.Event().wait()
    elif fault.kind == trouble.DROP_BEFORE:
        raise ConnectionCut
    elif fault.error is not None:
        raise RpcFailure(fault.error.name, fault.error.code)


def _error(failure: RpcFailure) -> bytes:
    return tl.pack(types.RpcError(failure.code, failure.name))


def rpc_result(msg_id: int, answer: bytes) -> bytes:
    """``rpc_result`` around an answer."""
    return struct.pack("<Iq", tl.RPC_RESULT, msg_id) + answer
