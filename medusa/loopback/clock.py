"""The server's own idea of the time, which a test can set wrong."""

import time


class Clock:
    """What the server takes for the time: this machine's, and ``ahead`` seconds more."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        """Unix time as the server has it."""
        return time.time() + self.ahead
