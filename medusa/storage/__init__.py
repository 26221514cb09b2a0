"""The encrypted state: one SQLCipher file, one module per family of tables."""

from medusa.storage.store import Store, open_store

__all__ = ["Store", "open_store"]
