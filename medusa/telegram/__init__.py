"""The sole user of Telethon's client: the account, its session, transfers and messages."""

from medusa.telegram import lean

lean.install()  # before anything here imports Telethon
