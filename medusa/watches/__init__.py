"""Lists that are looked at again and again: when, which of their items are new and wanted, and what comes of them."""
