"""Telethon's classes are the same, whether all are made at once or each when it is first asked for."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LEAN = "from medusa.telegram import lean"
_ALL = """
import hashlib, pkgutil
from telethon import TelegramClient
from telethon.tl import alltlobjects, functions, types
early = sum(isinstance(one, type) for one in vars(types).values())
def code(one):
    one = getattr(getattr(one, '__func__', one), '__code__', None)
    if one is None:
        return b''
    plain = [value for value in one.co_consts if not hasattr(value, 'co_code')]
    return repr((one.co_names, one.co_varnames, plain)).encode()
seen = hashlib.sha256()
for package in (types, functions):
    for name in ('', *sorted(one.name for one in pkgutil.iter_modules(package.__path__))):
        module = getattr(package, name) if name else package
        for word in sorted(set(dir(module))):
            one = getattr(module, word)
            if isinstance(one, type) and one.__module__ == module.__name__:
                facts = (module.__name__, word, one.__qualname__, one.__bases__, one.CONSTRUCTOR_ID)
                seen.update(repr(facts).encode())
                seen.update(b''.join(code(value) for _, value in sorted(vars(one).items())))
            elif word.startswith('Type') and word != 'TYPE_CHECKING':
                # Telethon puts classes of its own in the place of some; unions made later are of those.
                seen.update(f'{word} {one}'.replace('.patched.', '.types.').encode())
known = [one for one in vars(types).values() if getattr(one, 'CONSTRUCTOR_ID', None)]
numbers = alltlobjects.tlobjects
assert all(numbers[one.CONSTRUCTOR_ID] is one for one in known)
assert len(known) > 1500
assert numbers.get(1) is None and 1 not in numbers and 0x4679b65f in numbers
try:
    types.NoSuchThing
except AttributeError as error:
    seen.update(str(error).encode())
made = types.InputPeerUser(7, -9)
assert numbers[made.CONSTRUCTOR_ID] is types.InputPeerUser and made.to_dict()['access_hash'] == -9
print(early, seen.hexdigest())
"""


def told(first: str) -> list[str]:
    """How many classes there are once the client is imported, and a sum over all of them."""
    done = subprocess.run([sys.executable, "-c", first + _ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_all_classes_are_the_same() -> None:
    (few, lean), (all_, usual) = told(_LEAN), told("")
    assert lean == usual
    assert int(few) < 400
    assert int(all_) > 1500


def test_what_has_another_form_is_loaded_as_always(tmp_path: Path) -> None:
    """A generator that changes its mind costs memory, and nothing else."""
    package = tmp_path / "telethon" / "tl" / "types"
    package.mkdir(parents=True)
    for folder in (package.parent.parent, package.parent):
        (folder / "__init__.py").touch()
    (package / "__init__.py").write_text("class One(object):\n    CONSTRUCTOR_ID = 7\n", encoding="utf-8")
    numbers = "from . import types\ntlobjects = {\n    0x00000007 : types.One,\n}\n"
    (package.parent / "alltlobjects.py").write_text(numbers, encoding="utf-8")
    code = (
        "from telethon.tl import alltlobjects; print(alltlobjects.tlobjects[7].__name__, type(alltlobjects.tlobjects))"
    )
    line = f"import sys; sys.path.insert(1, {str(tmp_path)!r}); {_LEAN}; {code}"
    done = subprocess.run([sys.executable, "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "One <class 'dict'>\n", done.stderr
