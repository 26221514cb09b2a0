"""The settings: what is read, what is refused and in which words, and how credentials are kept."""

import base64
import os
import stat
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medusa.config import FIELDS, Address, Config, DataCentre, Proxy, Slots, example, load, save_credentials
from medusa.config.values import default_slots
from medusa.errors import UserError

ROOT = Path(__file__).parents[2]
HASH = "0123456789abcdef0123456789abcdef"
SESSION = "1" + base64.urlsafe_b64encode(bytes(263)).decode()


def said(env: dict[str, str], dotenv: Path) -> list[str]:
    """Return the lines of the error that these settings raise, without the heading."""
    with pytest.raises(UserError) as caught:
        load(env, dotenv)
    return caught.value.user_text.splitlines()[1:]


def test_without_settings_everything_has_a_default(tmp_path: Path) -> None:
    config = load({"PATH": "/bin"}, tmp_path / ".env")
    assert (config.data, config.work) == (tmp_path / "sessions", tmp_path / "work")
    assert config == Config(data=config.data, work=config.work, slots=config.slots)
    assert min(config.slots.fetch, config.slots.process, config.slots.upload) >= 1


def test_the_table_and_the_dataclass_name_the_same_settings(tmp_path: Path) -> None:
    assert {one.attribute for one in FIELDS} == {one.name for one in fields(Config)}


def test_written_defaults_are_the_real_ones(tmp_path: Path) -> None:
    plain = load({}, tmp_path / ".env")
    named = ("MEDUSA_TEST_DC", "MEDUSA_DATA", "MEDUSA_WORK", "MEDUSA_MAX_FILE", "MEDUSA_LOG")
    assert load({one.name: one.default for one in FIELDS if one.name in named}, tmp_path / ".env") == plain


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("API_ID", "1234567", 1234567),
        ("APP_ID", "1", 1),
        ("TELEGRAM_API", str(2**31 - 1), 2**31 - 1),
        ("API_HASH", HASH, HASH),
        ("APP_HASH", HASH, HASH),
        ("TELEGRAM_HASH", HASH, HASH),
        ("SESSION_STRING", SESSION, SESSION),
        ("STRING_SESSION", SESSION.rstrip("="), SESSION),
        ("MEDUSA_PROXY", "socks5://me:p%40ss@proxy.example:1080", Proxy("socks5", "proxy.example", 1080, "me", "p@ss")),
        ("MEDUSA_PROXY", "http://[2001:DB8::1]:3128/", Proxy("http", "2001:db8::1", 3128)),
        ("MEDUSA_TEST_DC", "Yes", True),
        ("MEDUSA_TEST_DC", "0", False),
        ("MEDUSA_TELEGRAM_DC", "2, 127.0.0.1, 4430", DataCentre(2, "127.0.0.1", 4430)),
        ("MEDUSA_DATA", "/var/lib/medusa", Path("/var/lib/medusa")),
        ("MEDUSA_PANEL", "off", None),
        ("MEDUSA_PANEL", "81", Address("127.0.0.1", 81)),
        ("MEDUSA_PANEL", "[::]:8478", Address("::", 8478)),
        ("MEDUSA_PANEL", "192.168.1.5:80", Address("192.168.1.5", 80)),
        ("MEDUSA_PANEL_URL", "https://Medusa.example.org:8443/", "https://medusa.example.org:8443"),
        ("MEDUSA_PANEL_PROXY", "127.0.0.1, 10.0.0.0/8,::1", ("127.0.0.1/32", "10.0.0.0/8", "::1/128")),
        ("MEDUSA_KEY_FILE", "/run/../key", Path("/key")),
        ("MEDUSA_PASSPHRASE", "a$b '\"# c€d", "a$b '\"# c€d"),
        ("MEDUSA_SLOTS", "upload=3, fetch=32,process=1,extract=2", Slots(fetch=32, process=1, upload=3, extract=2)),
        (
            "MEDUSA_ALLOW",
            "NAS.local:8080, 10.0.0.0/8,[::1]:81, ::1,",
            ("nas.local:8080", "10.0.0.0/8", "[::1]:81", "::1"),
        ),
        ("MEDUSA_MAX_FILE", "1.5GB", 1_500_000_000),
        ("MEDUSA_MAX_FILE", "500 MiB", 500 * 2**20),
        ("MEDUSA_MAX_FILE", "7b", 7),
        ("MEDUSA_KEEP_FREE", "2GiB", 2 * 2**30),
        ("MEDUSA_LOG", "debug", "DEBUG"),
        ("MEDUSA_LOG_FORMAT", "JSON", "json"),
        ("MEDUSA_METRICS", "9877", Address("127.0.0.1", 9877)),
        ("MEDUSA_METRICS", "[::1]:9877", Address("::1", 9877)),
        ("MEDUSA_METRICS", "localhost:9877", Address("localhost", 9877)),
        ("MEDUSA_METRICS", "Off", None),
    ],
)
def test_accepted_values(tmp_path: Path, name: str, text: str, value: object) -> None:
    field = next(one for one in FIELDS if name in (one.name, *one.aliases))
    assert getattr(load({name: text}, tmp_path / ".env"), field.attribute) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_ID", "0"),
        ("API_ID", "-5"),
        ("API_ID", "²"),
        ("API_ID", str(2**31)),
        ("APP_HASH", HASH[:-1]),
        ("SESSION_STRING", "BQ" + SESSION[2:]),
        ("MEDUSA_PROXY", "proxy.example:1080"),
        ("MEDUSA_PROXY", "socks5://proxy.example"),
        ("MEDUSA_PROXY", "socks5://proxy.example:70000"),
        ("MEDUSA_PROXY", "https://t.me/proxy?server=a&port=443&secret=ee"),
        ("MEDUSA_TEST_DC", "maybe"),
        ("MEDUSA_TELEGRAM_DC", "127.0.0.1,4430"),
        ("MEDUSA_TELEGRAM_DC", "2,127.0.0.256,4430"),
        ("MEDUSA_TELEGRAM_DC", "2,127.0.0.1,0"),
        ("MEDUSA_TELEGRAM_KEY", "missing.pem"),
        ("MEDUSA_DATA", "~nobody-of-that-name/x"),
        ("MEDUSA_PASSPHRASE", "short"),
        ("MEDUSA_PANEL", "0"),
        ("MEDUSA_PANEL", "on"),
        ("MEDUSA_PANEL", "1.2.3:80"),
        ("MEDUSA_PANEL_URL", "medusa.example.org"),
        ("MEDUSA_PANEL_URL", "https://medusa.example.org/panel"),
        ("MEDUSA_PANEL_URL", "https://me@medusa.example.org"),
        ("MEDUSA_PANEL_TLS", "missing.pem,missing.pem"),
        ("MEDUSA_PANEL_PROXY", "proxy.example"),
        ("MEDUSA_SLOTS", "fetch=0"),
        ("MEDUSA_SLOTS", "fetch"),
        ("MEDUSA_SLOTS", "download=2"),
        ("MEDUSA_ALLOW", "http://nas.local/"),
        ("MEDUSA_ALLOW", "192.168.1.5/24"),
        ("MEDUSA_ALLOW", "fd00::1/8:80"),
        ("MEDUSA_MAX_FILE", "20"),
        ("MEDUSA_MAX_FILE", "0GB"),
        ("MEDUSA_MAX_FILE", "many GB"),
        ("MEDUSA_LOG", "loud"),
        ("MEDUSA_LOG_FORMAT", "xml"),
        ("MEDUSA_METRICS", "example.org:9877"),
        ("MEDUSA_METRICS", "127.0.0.1:0"),
        ("MEDUSA_METRICS", ":9877"),
        ("MEDUSA_METRICS_TOKEN", "short"),
        ("MEDUSA_SENTRY_DSN", "https://sentry.example/1"),
        ("MEDUSA_PASSPHRASE_FILE", "missing"),
    ],
)
def test_malformed_values_are_named_with_the_accepted_form(tmp_path: Path, name: str, text: str) -> None:
    field = next(one for one in FIELDS if name in (one.name, *one.aliases))
    (line,) = said({name: text}, tmp_path / ".env")
    assert line.startswith(f"- {name} ")
    assert line.endswith(f"must be {field.accepted}.")
    assert (text in line) is not field.secret


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("MEDUSA_PROXI=x\nno form at all\nMEDUSA_LOG=loud\nMEDUSA_TEST_DC\n")
    lines = said({"API_ID": "x", "MEDUSA_QQQQ": "1", "MEDUSA_API_ID": "1"}, dotenv)
    assert lines[:5] == [
        "- Line 2 of .env is not of the form NAME=value.",
        "- Line 4 of .env is not of the form NAME=value.",
        "- MEDUSA_API_ID in the environment is not known; is API_ID meant?",
        "- MEDUSA_QQQQ in the environment is not known.",
        "- MEDUSA_PROXI in .env is not known; is MEDUSA_PROXY meant?",
    ]
    assert [line.split()[1] for line in lines[5:]] == ["API_ID", "MEDUSA_LOG"]


@pytest.mark.parametrize(("data", "work"), [("state", "state"), ("state", "state/work"), ("work/state", "work")])
def test_the_work_folder_is_apart_from_the_state(tmp_path: Path, data: str, work: str) -> None:
    (line,) = said({"MEDUSA_DATA": data, "MEDUSA_WORK": work}, tmp_path / ".env")
    assert "must not lie in one another" in line


def test_a_link_does_not_hide_that_the_work_folder_is_the_state(tmp_path: Path) -> None:
    (tmp_path / "sessions").mkdir()
    (tmp_path / "elsewhere").symlink_to("sessions")
    assert said({"MEDUSA_WORK": "elsewhere"}, tmp_path / ".env")


def test_the_environment_wins_and_empty_values_count_as_none(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("API_ID=1\nMEDUSA_LOG=error\nMEDUSA_PASSPHRASE='pass ${HOME} word'\n")
    config = load({"APP_ID": "2", "MEDUSA_LOG": " "}, dotenv)
    assert (config.api_id, config.log, config.passphrase) == (2, "ERROR", "pass ${HOME} word")


def test_relative_paths_start_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "dc.pem").touch()
    config = load({"MEDUSA_DATA": "state", "MEDUSA_TELEGRAM_KEY": "dc.pem"}, tmp_path / ".env")
    assert (config.data, config.telegram_key) == (tmp_path / "state", tmp_path / "dc.pem")


def test_secrets_stay_out_of_the_representation(tmp_path: Path) -> None:
    secrets = {"API_HASH": HASH, "SESSION_STRING": SESSION, "MEDUSA_PASSPHRASE": "correct horse"}
    secrets |= {"MEDUSA_METRICS_TOKEN": "0123456789abcdef", "MEDUSA_SENTRY_DSN": "https://key@sentry.example/1"}
    shown = repr(load(secrets | {"MEDUSA_PROXY": "socks5://u:hidden@h:1"}, tmp_path / ".env"))
    assert "sessions" in shown
    assert not [secret for secret in (*secrets.values(), "hidden") if secret in shown]


@pytest.mark.parametrize("held", ["short", "x" * 1025, b"\xff\xfe12345678"])
def test_a_passphrase_may_stand_in_a_file(tmp_path: Path, held: str | bytes) -> None:
    file = tmp_path / "passphrase"
    file.write_text(" correct horse \r\n", encoding="utf-8")
    assert load({"MEDUSA_PASSPHRASE_FILE": "passphrase"}, tmp_path / ".env").passphrase == " correct horse "
    both = {"MEDUSA_PASSPHRASE_FILE": "passphrase", "MEDUSA_PASSPHRASE": "battery staple"}
    assert load(both, tmp_path / ".env").passphrase == "battery staple"
    file.write_bytes(held.encode() if isinstance(held, str) else held)
    (line,) = said({"MEDUSA_PASSPHRASE_FILE": "passphrase"}, tmp_path / ".env")
    assert line.endswith("must hold 8 to 1024 characters in UTF-8.")


def test_metrics_leave_this_machine_only_with_a_token(tmp_path: Path) -> None:
    (line,) = said({"MEDUSA_METRICS": "0.0.0.0:9877"}, tmp_path / ".env")
    assert line.endswith("beyond this machine, so it needs MEDUSA_METRICS_TOKEN.")
    assert load({"MEDUSA_METRICS": "0.0.0.0:9877", "MEDUSA_METRICS_TOKEN": "t" * 16}, tmp_path / ".env").metrics


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"API_ID=\xff\xfe")
    with pytest.raises(UserError, match="not a text file in UTF-8"):
        load({}, dotenv)
    with pytest.raises(UserError, match=r"can't be read \(Is a directory\)"):
        load({}, tmp_path)


@pytest.mark.parametrize(
    ("cores", "gigabytes", "slots"),
    [
        (1, 0.5, Slots(fetch=1, process=1, upload=1)),
        (4, 1, Slots(fetch=1, process=1, upload=1)),
        (1, 2, Slots(fetch=2, process=1, upload=2, extract=1)),
        (4, 4, Slots(fetch=4, process=2, upload=2, extract=2)),
        (64, 256, Slots(fetch=4, process=4, upload=2, extract=4)),
    ],
)
def test_default_slots_follow_the_machine(cores: int, gigabytes: float, slots: Slots) -> None:
    assert default_slots(cores, int(gigabytes * 2**30)) == slots


def test_the_example_file_is_what_the_table_says() -> None:
    update = "import medusa.config as c; open('.env.example', 'w').write(c.example())"
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example(), f'run: python3 -c "{update}"'


def test_the_example_file_means_nothing_until_a_line_is_taken(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(example(), encoding="utf-8")
    assert load({}, dotenv) == load({}, tmp_path / "missing")


def test_each_example_is_accepted(tmp_path: Path) -> None:
    for name in ("loopback.pem", "fullchain.pem", "privkey.pem"):
        (tmp_path / name).touch()
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse\n", encoding="utf-8")
    env = {one.name: one.example.strip("'") for one in FIELDS if one.name != "SESSION_STRING"}
    env["MEDUSA_PASSPHRASE_FILE"] = str(secret)
    config = load(env, tmp_path / ".env")
    assert [name for name in Config.__slots__ if getattr(config, name) is None] == ["session_string"]


def test_credentials_are_written_and_other_lines_stay(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("# mine\nAPP_ID=5\nexport MEDUSA_LOG=debug # why\n\nAPI_HASH='old'\nTZ=Europe/Berlin")
    dotenv.chmod(0o644)
    save_credentials(dotenv, {"API_ID": "7", "API_HASH": HASH})
    assert dotenv.read_text() == f"# mine\nexport MEDUSA_LOG=debug # why\nTZ=Europe/Berlin\nAPI_ID=7\nAPI_HASH={HASH}\n"
    assert stat.S_IMODE(dotenv.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


def test_a_new_file_is_private_whatever_the_umask(tmp_path: Path) -> None:
    write = (
        "import os, medusa.config as c; os.umask(0); c.save_credentials(c.Path(os.environ['FILE']), {'API_ID': '7'})"
    )
    subprocess.run(
        [sys.executable, "-c", write], check=True, cwd=ROOT, env=os.environ | {"FILE": str(tmp_path / ".env")}
    )
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / ".env").symlink_to("real")
    save_credentials(tmp_path / ".env", {"API_ID": "7"})
    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text() == "API_ID=7\n"


def test_credentials_that_can_not_be_written_are_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be written"):
        save_credentials(tmp_path / "no such folder" / ".env", {"API_ID": "7"})


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), min_size=8, max_size=40))
def test_whatever_is_saved_is_read_back(tmp_path_factory: pytest.TempPathFactory, passphrase: str) -> None:
    dotenv = tmp_path_factory.mktemp("config") / ".env"
    save_credentials(dotenv, {"MEDUSA_PASSPHRASE": passphrase})
    wanted = passphrase.strip()
    if len(wanted) >= 8:
        assert load({}, dotenv).passphrase == wanted
