"""Every metric of Medusa: one line here, and one call where it happens.

Labels have few values, all of them Medusa's own words: never a link, a chat, a person or a title.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics

# Times of creation would double what is exported, and say nothing that `STARTED` does not.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry(auto_describe=True)
"""What is exported; nothing registers itself beside these."""

_STAGES = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800)
_SPEEDS = (1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)
_REQUESTS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_STALLS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)


def _counter(name: str, about: str, *labels: str) -> Counter:
    return Counter(f"medusa_{name}", about, labels, registry=REGISTRY)


def _gauge(name: str, about: str, *labels: str) -> Gauge:
    return Gauge(f"medusa_{name}", about, labels, registry=REGISTRY)


def _histogram(name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"medusa_{name}", about, labels, registry=REGISTRY, buckets=buckets)


JOBS_ENDED = _counter("jobs_ended", "Jobs that have ended, by outcome.", "outcome")
RETRIES = _counter("job_retries", "Failures of jobs after which they are tried again.")
POSTS = _counter("posts", "Messages with files that were posted.")
BYTES = _counter("transferred_bytes", "Bytes moved between Medusa and the world, down or up.", "direction")
REQUESTS_FAILED = _counter("telegram_request_failures", "Requests that Telegram refused or did not answer.")
FLOOD_WAITS = _counter("telegram_flood_waits", "Times that Telegram has asked to wait.")
FLOOD_SECONDS = _counter("telegram_flood_wait_seconds", "Seconds for which Telegram has asked to wait.")
BREAKS = _counter("telegram_connection_breaks", "Times that the connection to Telegram was lost.")
COMMANDS = _counter("commands", "Commands that were obeyed, by name.", "command")
REFUSALS = _counter("command_refusals", "Commands that were answered with a refusal.")
NOTICES_TOLD = _counter("notices", "News that the owner was told, by kind.", "kind")
LOG_LINES = _counter("log_lines", "Lines of the log, by level.", "level")
COMMITS = _counter("store_commits", "Transactions committed to the state file.")

STAGE_SECONDS = _histogram("stage_duration_seconds", "How long jobs spend in a stage.", _STAGES, "stage")
SPEED = _histogram("transfer_speed_bytes_per_second", "Mean speeds of a job's transfers.", _SPEEDS, "direction")
REQUEST_SECONDS = _histogram("telegram_request_duration_seconds", "How long Telegram takes to answer.", _REQUESTS)
STALLS = _histogram("event_loop_stall_seconds", "By how much a timer of the event loop comes late.", _STALLS)

JOBS = _gauge("jobs", "Jobs that have not ended, by state.", "state")
SLOTS = _gauge("slots", "Slots in which jobs may be at work, by kind.", "kind")
SLOTS_BUSY = _gauge("slots_busy", "Slots in which jobs are at work, by kind.", "kind")
DISK_FREE = _gauge("work_disk_free_bytes", "Bytes that are free on the disk of the work folder.")
DISK_RESERVE = _gauge("work_disk_reserve_bytes", "Bytes that jobs leave free there.")
MEMORY = _gauge("resident_memory_bytes", "Memory that the process holds, without its children.")
STORE_BYTES = _gauge("store_bytes", "Size of the state file.")
WAL_BYTES = _gauge("store_wal_bytes", "Size of the state file's write-ahead log.")
SCHEMA = _gauge("store_schema_version", "Number of the migration at which the state file is.")
CONNECTED = _gauge("telegram_connected", "Whether the connection to Telegram stands: 1 or 0.")
CLOCK_AHEAD = _gauge("clock_ahead_seconds", "Seconds that this machine's clock is ahead of Telegram's.")
READY = _gauge("ready", "Whether everything that work needs is well: 1 or 0.")
STARTED = _gauge("start_time_seconds", "Unix time at which the process has started.")
LAST_BACKUP = _gauge("last_backup_timestamp_seconds", "Unix time of the last verified backup, 0 while there is none.")
BUILD = Info("medusa_build", "Versions of what is running.", registry=REGISTRY)

# A rate can be told of what is there from the start only.
for outcome in ("done", "failed", "cancelled"):
    JOBS_ENDED.labels(outcome)
for direction in ("down", "up"):
    BYTES.labels(direction)
