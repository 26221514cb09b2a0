"""Knows no basic group, for there is none: all groups here are supergroups."""

from typing import Any

from telethon.tl import functions

from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure


def _get_chats(_call: Call, _request: Any) -> Any:
    """https://core.telegram.org/method/messages.getChats"""
    raise RpcFailure("CHAT_ID_INVALID")


METHODS: Methods = {functions.messages.GetChatsRequest: _get_chats}
