"""Makes text fit for SQLite."""


def storable(text: str) -> str:
    """The text without lone surrogates, which hostile titles and old file names bring and SQLite refuses."""
    return text.encode("utf-8", "replace").decode("utf-8")
