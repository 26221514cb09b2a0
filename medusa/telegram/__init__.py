"""The sole user of Telethon's client: the account, its session, transfers and messages."""
