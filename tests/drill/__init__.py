"""Has a real Medusa lose its whole state after a backup to Telegram, restores it, and counts what is missing."""
