"""Ends the login: Telegram forgets this session."""

from telethon.tl import functions

from medusa.telegram.client import Account
from medusa.telegram.errors import translated


async def log_out(account: Account) -> None:
    """Have Telegram end this session; nothing can be asked of it afterwards. Raises MedusaError."""
    with translated():
        await account.client(functions.auth.LogOutRequest())
