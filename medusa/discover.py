"""Finds plug-ins: each module of a package may hold one constant, and the folder listing is the menu."""

import importlib
import pkgutil
from typing import TypeVar

T = TypeVar("T")


def plugins(package: str, constant: str, kind: type[T]) -> dict[str, T]:
    """Import every module of ``package`` and collect its constant named ``constant``.

    Returns the constants by module name, in alphabetical order. Modules without the constant are helpers of the
    package and are skipped. Raises TypeError when a constant is not of ``kind``, so that a slip is seen at start-up.
    """
    found: dict[str, T] = {}
    home = importlib.import_module(package)
    for info in sorted(pkgutil.iter_modules(home.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package}.{info.name}")
        value = getattr(module, constant, None)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise TypeError(f"{package}.{info.name}.{constant} must be a {kind.__name__}, not {type(value).__name__}")
        found[info.name] = value
    return found
