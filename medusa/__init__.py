"""Medusa: a Telegram userbot that turns links into posts."""

__version__ = "0.1.0"
