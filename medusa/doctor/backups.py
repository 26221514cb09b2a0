"""Whether there is a backup that has proven itself, and is not old."""

import time

from medusa.checks import LATE
from medusa.config import Config
from medusa.doctor.check import Check
from medusa.errors import MedusaError
from medusa.findings import Finding
from medusa.settings import BACKUP, Settings
from medusa.storage import open_store
from medusa.storage.backups import BackupTable
from medusa.storage.folder import has_database
from medusa.storage.lock import holder
from medusa.storage.settings import StoredSettings
from medusa.words import span

_ADVICE = "Start Medusa, and /backup now makes one; then /backup key shows what opens it."


async def _look(config: Config) -> Finding:
    if holder(config.data) is not None:
        return Finding("backups", True, "known to the running Medusa: /health and /backup say it")
    if not has_database(config.data):
        return Finding("backups", True, "nothing to back up yet")
    try:
        async with open_store(config.data, key_file=config.key_file, passphrase=config.passphrase) as store:
            settings, table = Settings(StoredSettings(store)), BackupTable(store)
            await settings.load()
            good = [record.at for record in await table.records() if record.good]
            key = await table.key()
    except MedusaError:
        return Finding("backups", True, "can't be told, since the state can't be opened")
    if settings[BACKUP] is None:
        return Finding("backups", True, "switched off")
    if not good or time.time() - max(good) > LATE:
        seen = (
            f"the last good one is {span(time.time() - max(good))} old" if good else "there is none that was read back"
        )
        return Finding("backups", False, seen, _ADVICE)
    seen = f"the last good one is {span(max(0.0, time.time() - max(good)))} old"
    return Finding("backups", key.shown, seen if key.shown else f"{seen}, and nobody has seen its key", _ADVICE)


CHECK = Check(_look)
