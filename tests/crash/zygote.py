"""Forks one Medusa after the other: a process that has imported everything, so that a start takes a tenth of the time.

It has no thread and no event loop, and each fork becomes what the command line would have made of it: a session of its
own, no input, its error stream the pipe that came with the order, no other open file, a bare environment.
"""

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Mapping

_PR_SET_PDEATHSIG = 1
_PACKAGES = ("medusa.commands", "medusa.sources", "medusa.steps", "medusa.storage", "medusa.telegram", "medusa.net")
_LONGEST_ORDER = 1 << 16


def serve(control: socket.socket) -> None:
    """Obey until the other end closes: an order and a descriptor start a Medusa, a number reaps one.

    An order is an environment, arguments, and the seconds that Telegram gets to answer (None: as ever).
    """
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, _LONGEST_ORDER, 1)
        if not order:
            return
        wanted = json.loads(order)
        if isinstance(wanted, int):
            _, status = os.waitpid(wanted, 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            environment, arguments, call_within = wanted
            answer = os.fork()
            if answer == 0:
                _become(environment, arguments, call_within, descriptors[0])
            os.close(descriptors[0])
        control.send(str(answer).encode())


def _become(environment: Mapping[str, str], arguments: list[str], call_within: float | None, errors: int) -> None:
    """Run Medusa in this fork, and end with its exit code."""
    code = 1
    try:
        _let_go(errors)
        os.environ.clear()
        os.environ.update(environment)
        if call_within is not None:
            importlib.import_module("medusa.telegram.client").__dict__["CALL_WITHIN"] = call_within
        from medusa import cli

        code = cli.main(arguments)
    except BaseException:  # noqa: BLE001 -- the last boundary: nothing may return into the zygote
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _let_go(errors: int) -> None:
    """Leave behind what the zygote holds, and die with it."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for old, new in ((nothing, 0), (nothing, 1), (errors, 2)):
        os.dup2(old, new)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _import_all() -> None:
    """Import what Medusa needs."""
    for module in ("medusa.cli", "medusa.app", "medusa.firstrun", "medusa.saving"):
        importlib.import_module(module)
    for package in _PACKAGES:
        for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if not info.ispkg:
                importlib.import_module(f"{package}.{info.name}")


def main() -> None:
    """Import everything, say so, and serve on the socket whose descriptor is the argument."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _import_all()
    if threading.active_count() > 1:
        raise RuntimeError("a fork of a process with threads may hang")
    gc.freeze()
    control.send(b"ready")
    serve(control)


if __name__ == "__main__":
    main()
