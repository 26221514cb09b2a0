"""Copies of the state that prove themselves, and the way back from them."""
