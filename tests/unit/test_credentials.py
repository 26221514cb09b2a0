"""Where the secrets of the state may come from."""

from pathlib import Path

import pytest

from medusa.config import load
from medusa.errors import UserError

NOWHERE = Path("/nonexistent/.env")


def test_systemds_credentials_are_found(tmp_path: Path) -> None:
    (tmp_path / "medusa.key").write_text("k" * 40)
    (tmp_path / "medusa.passphrase").write_text("from systemd\n")
    env = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    config = load(env, NOWHERE)
    assert (config.key_file, config.passphrase) == (tmp_path / "medusa.key", "from systemd")
    config = load(env | {"MEDUSA_PASSPHRASE": "what is set", "MEDUSA_KEY_FILE": "/other"}, NOWHERE)
    assert (config.key_file, config.passphrase) == (Path("/other"), "what is set")
    assert load({"CREDENTIALS_DIRECTORY": "/nonexistent"}, NOWHERE).key_file is None


@pytest.mark.parametrize(("content", "words"), [(b"short", "8 to 1024"), (b"\xff" * 20, "8 to 1024")])
def test_a_passphrase_in_a_file_has_its_length(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"long enough\n")
    assert load({"MEDUSA_PASSPHRASE_FILE": str(path)}, NOWHERE).passphrase == "long enough"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as caught:
        load({"MEDUSA_PASSPHRASE_FILE": str(path)}, NOWHERE)
    assert "short" not in caught.value.user_text
