"""Tells about users, finds them by name or number, and lists them as contacts."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback.accounts import as_user
from medusa.loopback.call import Call, Methods
from medusa.loopback.rpc import RpcFailure


def _get_users(call: Call, request: Any) -> list[Any]:
    me = call.me.user_id
    return [as_user(call.user(user), me) for user in request.id]


def _get_full_user(call: Call, request: Any) -> Any:
    user = call.user(request.id)
    full = types.UserFull(user.user_id, types.PeerSettings(), types.PeerNotifySettings(), 0, can_pin_message=True)
    return types.users.UserFull(full, [], [as_user(user, call.me.user_id)])


def _resolve_username(call: Call, request: Any) -> Any:
    channel = call.world.channels.by_username(request.username)
    if channel is not None:
        found = call.world.chat(channel.id, call.me.user_id)
        return types.contacts.ResolvedPeer(types.PeerChannel(channel.id), [found], [])
    account = call.world.accounts.by_username(request.username)
    if account is None:
        raise RpcFailure("USERNAME_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(types.PeerUser(account.user_id), [], [as_user(account, call.me.user_id)])


def _resolve_phone(call: Call, request: Any) -> Any:
    account = call.world.accounts.by_phone(request.phone)
    if account is None:
        raise RpcFailure("PHONE_NOT_OCCUPIED")
    return types.contacts.ResolvedPeer(types.PeerUser(account.user_id), [], [as_user(account, call.me.user_id)])


def _get_contacts(call: Call, _request: Any) -> Any:
    others = call.world.accounts.others(call.me.user_id)
    contacts = [types.Contact(account.user_id, mutual=True) for account in others]
    return types.contacts.Contacts(contacts, len(contacts), [as_user(account, call.me.user_id) for account in others])


def _import_contacts(call: Call, request: Any) -> Any:
    imported, users = [], []
    for contact in request.contacts:
        account = call.world.accounts.by_phone(contact.phone)
        if account is not None:
            imported.append(types.ImportedContact(account.user_id, contact.client_id))
            users.append(as_user(account, call.me.user_id))
    return types.contacts.ImportedContacts(imported, [], [], users)


METHODS: Methods = {
    functions.users.GetUsersRequest: _get_users,
    functions.users.GetFullUserRequest: _get_full_user,
    functions.contacts.ResolveUsernameRequest: _resolve_username,
    functions.contacts.ResolvePhoneRequest: _resolve_phone,
    functions.contacts.GetContactsRequest: _get_contacts,
    functions.contacts.ImportContactsRequest: _import_contacts,
}
