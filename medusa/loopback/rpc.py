"""The error that a method answers with, under Telegram's own names."""

_CODES = {
    "FLOOD_": 420,
    "SLOWMODE_WAIT": 420,
    "AUTH_KEY_DUPLICATED": 406,
    "AUTH_KEY_UNREGISTERED": 401,
    "AUTH_KEY_INVALID": 401,
    "AUTH_KEY_PERM_EMPTY": 401,
    "SESSION_": 401,
    "USER_DEACTIVATED": 401,
    "CHAT_WRITE_FORBIDDEN": 403,
    "MESSAGE_AUTHOR_REQUIRED": 403,
    "MESSAGE_DELETE_FORBIDDEN": 403,
    "CHAT_ADMIN_REQUIRED": 400,
    "FILE_MIGRATE": 303,
    "USER_MIGRATE": 303,
    "PHONE_MIGRATE": 303,
    "NETWORK_MIGRATE": 303,
    "RPC_CALL_FAIL": 500,
    "RPC_MCGET_FAIL": 500,
    "INTERNAL": 500,
    "INTERDC_": 500,
    "RANDOM_ID_DUPLICATE": 500,
    "TIMEOUT": 503,
    "Timeout": 503,
}


def code_of(name: str) -> int:
    """The numeric code that goes with an error name, 400 unless the name says otherwise.

    https://core.telegram.org/api/errors
    """
    return next((code for start, code in _CODES.items() if name.startswith(start)), 400)


class RpcFailure(Exception):
    """A call that is answered with ``rpc_error``: a name such as ``FLOOD_WAIT_3`` and its code."""

    def __init__(self, name: str, code: int | None = None) -> None:
        super().__init__(name)
        self.name = name
        self.code = code_of(name) if code is None else code
