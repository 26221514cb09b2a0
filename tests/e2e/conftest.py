"""What all end-to-end tests have in common: they run without asyncio's debug mode, in which integration tests run.

It notes a stack for each callback and doubles the time of the whole program, of which these tests move megabytes.
"""

import asyncio

import pytest


@pytest.fixture(autouse=True)
async def _at_full_speed() -> None:
    asyncio.get_running_loop().set_debug(False)
