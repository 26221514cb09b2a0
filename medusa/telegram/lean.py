"""Has Telethon's 2,500 generated classes made when they are first asked for, which leaves 14 MB to other things.

Telethon's modules of types and functions are one class after the other, in a form that its generator keeps strictly,
and Medusa meets a tenth of them. So these modules get a loader that notes where in its file each class stands, and
compiles one when it is wanted, by name or by the number that stands for it on the wire. A module of any other form is
loaded as always, and so is everything when Telethon was imported before this.
"""

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

_GENERATED = re.compile(r"telethon\.tl\.(types|functions)(\.\w+)?")
_NUMBERS = "telethon.tl.alltlobjects"
_PIECE = re.compile(rb"^(?:class (\w+)\((?:TLObject|TLRequest)\):|(Type\w+) = )", re.MULTILINE)
_FIRST = re.compile(rb"^(?:class|Type\w+ =)", re.MULTILINE)
_NUMBER = re.compile(rb"^    (0x[0-9a-f]{1,8}): ([\w.]+),$", re.MULTILINE)


_WORD = re.compile(r"\w+")


def install() -> None:
    """Have it so from now on; that it was done before does not matter."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds the generated modules where they always are."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The usual spec with a loader of our own; None leaves the module to the usual finders."""
        kind = _Numbers if name == _NUMBERS else _Generated if _GENERATED.fullmatch(name) else None
        spec = PathFinder.find_spec(name, path, target) if kind else None
        if spec is None or kind is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = kind(name, str(spec.origin))
        return spec


class _Generated(SourceFileLoader):
    """Loads a module of types or functions."""

    def exec_module(self, module: ModuleType) -> None:
        """Run what stands before the first class, and note where the others begin and end."""
        source = Path(self.path).read_bytes()
        found = list(_PIECE.finditer(source))
        if not found or len(found) != len(_FIRST.findall(source)):
            super().exec_module(module)
            return
        ends = [piece.start() for piece in found[1:]] + [len(source)]
        places = {
            (piece[1] or piece[2]).decode(): (piece.start(), end - piece.start())
            for piece, end in zip(found, ends, strict=True)
        }

        def make(name: str) -> Any:
            """Make a class, or the union that a name stands for, once and for all (PEP 562)."""
            if name not in places:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            piece = _piece(self.path, *places[name])
            if not piece.startswith(b"class "):  # a union, whose members have to be there
                for member in set(_WORD.findall(piece.decode())) & places.keys() - {name}:
                    getattr(module, member)
            _run(piece, self.path, module.__dict__)
            return module.__dict__[name]

        module.__dict__["__getattr__"] = make
        module.__dict__["__dir__"] = lambda: [*module.__dict__, *places]
        _run(source[: found[0].start()], self.path, module.__dict__)


class _Numbers(SourceFileLoader):
    """Loads the module that knows all classes by their numbers."""

    def exec_module(self, module: ModuleType) -> None:
        """Run it, but for the mapping, whose classes are looked up one by one."""
        source = Path(self.path).read_bytes()
        head, _, mapping = source.partition(b"tlobjects = {\n")
        paths = {int(number, 16): path.decode() for number, path in _NUMBER.findall(mapping)}
        if len(paths) != mapping.count(b": ") or not paths:
            super().exec_module(module)
            return
        _run(head, self.path, module.__dict__)
        module.__dict__["tlobjects"] = _ByNumber(module, paths)


class _ByNumber(dict[int, Any]):
    """Classes by their numbers: those that were asked for, and where the others are."""

    def __init__(self, module: ModuleType, paths: dict[int, str]) -> None:
        super().__init__()
        self._module = module
        self._paths = paths

    def __missing__(self, number: int) -> Any:
        found: Any = self._module
        for name in self._paths[number].split("."):
            found = getattr(found, name)
        self[number] = found
        return found

    def get(self, number: int, default: Any = None) -> Any:
        """The class of this number."""
        try:
            return self[number]
        except KeyError:
            return default

    def __contains__(self, number: object) -> bool:
        return super().__contains__(number) or number in self._paths


def _piece(path: str, start: int, length: int) -> bytes:
    with Path(path).open("rb") as file:
        file.seek(start)
        return file.read(length)


def _run(source: bytes, path: str, names: dict[str, Any]) -> None:
    exec(compile(source, path, "exec", dont_inherit=True), names)  # noqa: S102 (what importing it would run)
