"""How much memory and disk each step takes with a big input; see docs/media.md."""
