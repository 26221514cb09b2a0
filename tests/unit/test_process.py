"""Children live in their block, with all that they start, and leave nothing behind."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from medusa import cage, process
from medusa.cage import Cage
from medusa.errors import Broken, UserError

PY = (sys.executable, "-S", "-c")
FAMILY = """
import os, subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-S", "-c", "import time; print('up', flush=True); time.sleep(600)"])
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(600)
"""
STUBBORN = "import signal, time; signal.signal(2, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def pids_of(child: process.Child) -> list[int]:
    found: list[int] = []
    seen_up = False
    async for line in child.lines():
        seen_up = seen_up or line == "up"
        found += [int(word) for word in line.split() if word.isdigit()]
        if seen_up and len(found) == 2:
            return found
    raise AssertionError(child.err_tail)


async def test_run_gives_code_output_and_errors(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    done = await process.run([*PY, code], cwd=tmp_path, timeout=20)
    assert (done.code, done.out, done.err) == (3, b"out\n", "err\n")


async def test_the_environment_is_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_HASH", "secret")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    done = await process.run([*PY, code], cwd=tmp_path, timeout=20, env={"http_proxy": "http://x"})
    assert b"secret" not in done.out
    seen = {pair.split('"')[1] for pair in done.out.decode().split(", ")}
    assert seen - {"LC_CTYPE"} == {"PATH", "LANG", "HOME", "TMPDIR", "http_proxy"}


async def test_stdin_is_closed_and_the_session_is_its_own(tmp_path: Path) -> None:
    code = "import os, sys; print(len(sys.stdin.read()), os.getsid(0) == os.getpid(), os.getcwd())"
    done = await process.run([*PY, code], cwd=tmp_path, timeout=20)
    assert done.out.decode().split() == ["0", "True", str(tmp_path)]


async def test_output_is_bounded_and_the_child_not_blocked(tmp_path: Path) -> None:
    code = "import sys; sys.stdout.write('x' * 5_000_000); sys.stderr.write('y' * 5_000_000 + 'end')"
    done = await process.run([*PY, code], cwd=tmp_path, timeout=60, max_out=1000)
    assert (done.code, done.out) == (0, b"x" * 1000)
    assert len(done.err) == process.MAX_ERR
    assert done.err.endswith("end")


async def test_lines_drop_what_is_too_long(tmp_path: Path) -> None:
    code = f"print('a'); print('x' * {process.MAX_LINE * 3}); print('b')"
    async with process.child([*PY, code], cwd=tmp_path) as child:
        lines = [line async for line in child.lines()]
    assert (lines[0], lines[-1]) == ("a", "b")
    assert all(len(line) <= process.MAX_LINE for line in lines)


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no-such-program is not installed"):
        await process.run(["/usr/bin/no-such-program"], cwd=tmp_path, timeout=5)


async def test_a_file_may_not_grow_past_its_limit(tmp_path: Path) -> None:
    code = "open('f', 'wb', buffering=0).write(b'x' * 10000)"
    done = await process.run(
        [*PY, code + "; open('f', 'ab', buffering=0).write(b'x')"], cwd=tmp_path, timeout=20, max_file=4096
    )
    assert "File too large" in done.err
    assert (tmp_path / "f").stat().st_size == 4096


async def test_a_timeout_ends_the_child(tmp_path: Path) -> None:
    with pytest.raises(Broken, match=r"did not finish within 0\.5 seconds"):
        await process.run(
            [*PY, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"],
            cwd=tmp_path,
            timeout=0.5,
        )
    pid = (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else "0"
    assert not alive(int(pid) or -1)


async def test_a_child_that_computes_for_too_long_is_ended_in_words(tmp_path: Path) -> None:
    with pytest.raises(Broken, match="computed for longer than it may"):
        await process.run([*PY, "while True: pass"], cwd=tmp_path, timeout=60, cage=Cage(cpu=1))


async def test_a_silent_child_is_given_up_in_words(tmp_path: Path) -> None:
    async with process.child([*PY, "import time; print('up', flush=True); time.sleep(600)"], cwd=tmp_path) as child:
        with pytest.raises(Broken, match=r"hung: it gave no sign of life for 0\.5 seconds"):
            async for _ in child.lines(0.5):
                pass


async def test_a_child_takes_its_share_of_memory_and_goes_first_when_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cage, "share_of_memory", lambda: 256 * 1024**2)
    greedy = "try: bytearray(2**30)\nexcept MemoryError: print('no', flush=True)\nimport time; time.sleep(600)"
    async with process.child([*PY, greedy], cwd=tmp_path) as child:
        assert await anext(child.lines()) == "no"
        assert Path(f"/proc/{child.pid}/oom_score_adj").read_text().strip() == "500"


async def test_leaving_the_block_ends_the_whole_group(tmp_path: Path) -> None:
    async with process.child([*PY, FAMILY], cwd=tmp_path) as child:
        pids = await pids_of(child)
        assert all(alive(pid) for pid in pids)
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_what_the_leader_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    async with process.child([*PY, FAMILY], cwd=tmp_path) as child:
        pids = await pids_of(child)
        os.kill(pids[0], signal.SIGTERM)
        assert await child.wait() == -signal.SIGTERM
        await until(lambda: not alive(pids[1]))


FUGITIVE = """
import os, time
if os.fork() == 0:
    for leave in (os.setsid, lambda: os.setpgid(0, 0)):
        try:
            leave()
        except OSError:
            pass
    print(os.getppid(), os.getpid(), "\\nup", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(not cage.has_filter(), reason="this kernel or processor has no filter of system calls")
async def test_nobody_gets_away_from_the_group(tmp_path: Path) -> None:
    async with process.child([*PY, FUGITIVE], cwd=tmp_path) as child:
        pids = await pids_of(child)
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_cancel_ends_the_group_and_goes_on(tmp_path: Path) -> None:
    pids: list[int] = []

    async def work() -> None:
        async with process.child([*PY, FAMILY], cwd=tmp_path) as child:
            pids.extend(await pids_of(child))
            await child.wait()

    task = asyncio.create_task(work())
    await until(lambda: len(pids) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not any(alive(pid) for pid in pids))


async def test_a_second_cancel_while_reaping_leaves_nothing_alive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "GRACE", 600.0)
    pids: list[int] = []

    async def work() -> None:
        async with process.child([*PY, STUBBORN], cwd=tmp_path) as child:
            async for _ in child.lines():
                pids.append(child.pid)
                break
            await child.wait()

    task = asyncio.create_task(work())
    await until(lambda: bool(pids))
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(pids[0])


async def test_a_child_that_ignores_the_interrupt_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE", 0.1)
    async with process.child([*PY, STUBBORN], cwd=tmp_path) as child:
        async for _ in child.lines():
            break
    assert await child.wait() == -signal.SIGKILL


async def test_no_descriptor_is_leaked(tmp_path: Path) -> None:
    async def once() -> None:
        await process.run([*PY, "print(1)"], cwd=tmp_path, timeout=20)
        with contextlib.suppress(Broken):
            await process.run([*PY, "import time; time.sleep(600)"], cwd=tmp_path, timeout=0.1)
        await asyncio.sleep(0.05)

    await once()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        await once()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


PARENT = """
import asyncio, sys
from pathlib import Path
from medusa import process
async def main():
    async with process.child([sys.executable, "-S", "-c", sys.argv[1]], cwd=Path(sys.argv[2])) as child:
        async for line in child.lines():
            print(line, flush=True)
asyncio.run(main())
"""


async def test_a_killed_parent_takes_its_child_along_and_the_next_ends_the_orphan(tmp_path: Path) -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - a Medusa of its own, to be killed
        [sys.executable, "-c", textwrap.dedent(PARENT), FAMILY, str(tmp_path)], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent, parent.stdout as out:
        words = b"".join(out.readline() for _ in range(2)).split()
        child, grandchild = (int(word) for word in words if word.isdigit())
        parent.kill()
    await until(lambda: not alive(child))
    assert alive(grandchild)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    await process.run([*PY, "print()"], cwd=elsewhere, timeout=20)
    assert alive(grandchild)
    await process.run([*PY, "print()"], cwd=tmp_path, timeout=20)
    await until(lambda: not alive(grandchild))


async def test_a_living_neighbour_in_the_same_folder_is_no_orphan(tmp_path: Path) -> None:
    async with process.child([*PY, FAMILY], cwd=tmp_path) as child:
        pids = await pids_of(child)
        await process.run([*PY, "print()"], cwd=tmp_path, timeout=20)
        assert all(alive(pid) for pid in pids)


WITHIN = """
import asyncio
from pathlib import Path
from medusa import process
done = asyncio.run(process.run(["sh", "-c", "echo lives"], cwd=Path.cwd(), timeout=20, cage=None))
print(done.out.decode().strip())
"""


async def test_a_child_that_runs_one_in_its_own_folder_is_no_orphan_of_itself(tmp_path: Path) -> None:
    root = str(Path(process.__file__).parents[1])
    argv = [sys.executable, "-c", WITHIN]
    done = await process.run(argv, cwd=tmp_path, env={"PYTHONPATH": root}, timeout=60, cage=None)
    assert (done.code, done.out) == (0, b"lives\n"), done.err


def test_version_line() -> None:
    assert process.version_line(sys.executable).startswith("Python 3")
    assert process.version_line("/bin/false") == ""
    assert process.version_line("/no/such") == ""
