"""Kills what changes the whole state (another key, an erasure, writing it anew) and looks at what is left."""
