"""Flips bits of a state, one after the other, and holds that Medusa notices each."""
