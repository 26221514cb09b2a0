"""The methods that the embedded Telegram answers, a file per family."""
