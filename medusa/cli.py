"""The command line: run, demo, login, test, bench, doctor, loopback, and what is done with the data."""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from medusa import __version__
from medusa.config import Config, load
from medusa.config.supervisor import supervisor
from medusa.errors import MedusaError
from medusa.observe.logs import log_crashes, set_up
from medusa.observe.sentry import report_errors

ROOT = Path(__file__).resolve().parent.parent
DOTENV = ROOT / ".env"

NOT_READY = 2
"""Exit code for what only the owner can mend: missing credentials, no login, a wrong key."""
SESSION_LOST = 3
"""Exit code for an account that can't be used any more: starting again and again would only look like an attack."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    0 well, 1 trouble that may pass, 2 something that only the owner can mend, 3 an account that can't be used any more.
    """
    parser = _parser()
    options, further = parser.parse_known_args(arguments)
    if further and options.command is not _test:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    options.further = further
    try:
        config = load(os.environ, DOTENV)
        set_up(config.log, config.secrets, config.log_format)
        log_crashes()
        if config.sentry_dsn and options.command is _run:
            report_errors(config.sentry_dsn, __version__)
        code: int = options.command(options, config)
    except MedusaError as error:
        print(error.user_text, file=sys.stderr)
        code = _code_of(error)
        return _stayed(code) if code in (NOT_READY, SESSION_LOST) and getattr(options, "stay", False) else code
    except KeyboardInterrupt:
        return 130
    return code


def _code_of(error: MedusaError) -> int:
    if error.fatal:
        return SESSION_LOST
    return NOT_READY if error.retry_after is None else 1


def _stayed(code: int) -> int:
    """Do nothing until stopped, then return ``code``: for a supervisor that starts again whatever ends."""

    async def idle() -> None:
        print("Medusa stays here, idle. Stop it, and start it again once that is mended.", file=sys.stderr, flush=True)
        await asyncio.Event().wait()

    return _until_signal(idle(), interrupted=code)


def _parser() -> argparse.ArgumentParser:
    from medusa import bench, data, demo

    parser = argparse.ArgumentParser(prog="run.py", description="Medusa turns links into Telegram posts.")
    parser.add_argument("--version", action="version", version=f"Medusa {__version__}")
    parser.set_defaults(command=_run)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace, Config], int], about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(command=command)
        return sub

    run = add("run", _run, "run on your account (the default)")
    run.add_argument("--stay", action="store_true", help="do not end, but stay idle, when only you can mend a trouble")
    demo.add_arguments(add("demo", _demo, "see it work without an account"))
    add("login", _login, "log in to your account")
    tests = add("test", _test, "run the tests and quality checks; further arguments go to pytest")
    tests.add_argument("--coverage", action="store_true", help="measure how much of Medusa the tests reach")
    bench.add_arguments(add("bench", _bench, "measure Medusa against the other clients"))
    doctor = add("doctor", _doctor, "look at everything Medusa stands on")
    doctor.add_argument("--quick", action="store_true", help="only say, by exit code, whether Medusa runs and answers")
    doctor.add_argument("--json", action="store_true", help="print each finding as a line of JSON")
    _add_backups(add)
    data.add_commands(add)
    alone = add("loopback", _loopback, "run the embedded Telegram alone, for any MTProto client")
    alone.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    alone.add_argument("--port", type=int, default=0, help="port to listen on (default: any free one)")
    alone.add_argument("--dir", type=Path, help="folder to keep its state in (default: in memory)")
    alone.add_argument("--json", action="store_true", help="print what a client needs as one JSON line")
    alone.add_argument("--rtt", type=_not_negative, default=0.0, metavar="MS", help="round trip in milliseconds")
    alone.add_argument("--cap", type=_not_negative, default=0.0, metavar="MB/s", help="of each connection, both ways")
    alone.add_argument("--trusting", action="store_true", help="skip the checks of message keys and checksums")
    alone.add_argument("--control", action="store_true", help="obey commands on standard input (help lists them)")
    return parser


def _add_backups(add: Callable[..., argparse.ArgumentParser]) -> None:
    one = add("backup", _backup, "back the state up into a folder, while Medusa does not run")
    one.add_argument("--to", type=Path, metavar="FOLDER", help="where to (default: backups in MEDUSA_DATA)")
    one.add_argument("--with-session", action="store_true", help="put the account's login into it, too")
    one = add("restore", _restore, "make a state of a backup")
    one.add_argument("files", nargs="+", metavar="FILE", help="a backup, or latest: fetch the newest from Telegram")
    one.add_argument("--from", dest="chat", type=int, metavar="CHAT", help="id of the channel to fetch it from")
    one.add_argument("--key-file", type=Path, help="a file with the backup key (default: MEDUSA_BACKUP_KEY, or ask)")
    one.add_argument("--replace", action="store_true", help="move aside the state that is there already")


def _not_negative(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 up")
    return number


def _run(_options: argparse.Namespace, config: Config) -> int:
    from medusa import firstrun

    config = firstrun.credentials(config, DOTENV)

    async def run() -> int:
        from medusa.app import running
        from medusa.supervised import supervised

        await firstrun.ensure_login(config)
        async with running(config) as app, supervised(supervisor(os.environ), app.summary):
            print("Medusa is ready. Write /help to yourself, in Saved Messages.", file=sys.stderr, flush=True)
            await asyncio.Event().wait()
        return 0

    return _until_signal(run())


def _demo(options: argparse.Namespace, config: Config) -> int:
    from medusa import demo

    # A script that was ended before its end has not done what it should.
    return _until_signal(demo.main(options, config), interrupted=1 if options.send or options.script else 0)


def _login(_options: argparse.Namespace, config: Config) -> int:
    from medusa import firstrun

    config = firstrun.credentials(config, DOTENV)

    async def run() -> int:
        await firstrun.ensure_login(config, check=True)
        return 0

    return _until_signal(run())


def _doctor(options: argparse.Namespace, config: Config) -> int:
    from medusa import doctor

    if options.quick:
        return 0 if doctor.healthy(config) else 1

    async def run() -> int:
        well = True
        async for finding in doctor.examine(config):
            well &= finding.well
            if options.json:
                print(json.dumps(asdict(finding)), flush=True)
                continue
            print(f"{'ok  ' if finding.well else 'BAD '} {finding.name}: {finding.seen}")
            if not finding.well:
                print(f"     {finding.advice}")
        return 0 if well else 1

    return _until_signal(run())


def _backup(options: argparse.Namespace, config: Config) -> int:
    from medusa import saving

    return _until_signal(saving.backup(options, config))


def _restore(options: argparse.Namespace, config: Config) -> int:
    from medusa import firstrun, saving

    if options.files == [saving.LATEST]:
        config = firstrun.credentials(config, DOTENV)
    return _until_signal(saving.restore(options, config))


def _loopback(options: argparse.Namespace, _config: Config) -> int:
    from medusa.loopback.alone import run_alone
    from medusa.loopback.network import Network

    cap = options.cap * 1_000_000 or None
    network = Network(options.rtt / 1000, cap, cap, checked=not options.trusting)
    where = (options.host, options.port, options.dir, options.json)
    return _until_signal(run_alone(*where, network, control=options.control))


def _test(options: argparse.Namespace, _config: Config) -> int:
    """Format, lint, types, layers and tests; ``--coverage`` measures what they reach, and takes half as long again."""
    python = [sys.executable, "-m"]
    workers = str(min(8, 2 * (os.cpu_count() or 1)))  # most tests of the whole program wait for half of their time
    several = ["-n", workers, "--dist", "worksteal"]
    if not options.coverage:
        return subprocess.call([*python, "pytest", *several, *options.further], cwd=ROOT)
    code = subprocess.call([*python, "coverage", "run", "-m", "pytest", *several, *options.further], cwd=ROOT)
    subprocess.call([*python, "coverage", "combine", "--quiet"], cwd=ROOT)
    subprocess.call([*python, "coverage", "report"], cwd=ROOT)
    return code


def _bench(options: argparse.Namespace, _config: Config) -> int:
    from medusa.bench import suite

    return _until_signal(suite.main(options))


def _until_signal(work: Coroutine[Any, Any, int | None], *, interrupted: int = 0) -> int:
    """Run ``work`` and return its code; SIGTERM and SIGINT end it cleanly, whatever it has opened."""

    async def run() -> int:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task or 0
        except asyncio.CancelledError:
            return interrupted

    return asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
