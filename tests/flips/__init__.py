"""Flips single bits in what Medusa keeps, and counts how many of them nobody notices."""
