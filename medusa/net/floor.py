"""Tells a server that keeps a connection busy with next to nothing from one that is merely slow."""

from medusa.errors import Transient

SECONDS = 120.0
BYTES = 120 * 1024
"""What has to come within that time of waiting."""


class Floor:
    """Judges one answer of ``host``: a byte now and then would else hold a job's place for ever."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.begin()

    def begin(self) -> None:
        """Judge anew what comes from now on."""
        self._waited = 0.0
        self._came = 0

    def came(self, size: int, waited: float) -> None:
        """Take in ``size`` bytes for which ``waited`` seconds were waited. Raises Transient for too few of them.

        Time in which nobody wanted to read does not count.
        """
        self._waited += waited
        self._came += size
        if self._came >= BYTES:
            self.begin()
        elif self._waited >= SECONDS:
            raise Transient(f"{self._host} sends next to nothing.", after=60)
