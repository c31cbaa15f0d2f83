"""The .env file that `make run` writes, and keeps when the port changes."""

import base64
import socket
from pathlib import Path

import pytest

from console import demo_env
from console.demo_env import RefusedError, origin_for, require_free, values_in, write_demo_env

FIRST, SECOND = "http://localhost:8000", "http://localhost:8123"


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def written(path: Path, origin: str) -> dict[str, str]:
    write_demo_env(path, origin)
    return values_in(path.read_text())


def test_a_new_env_file_is_private_and_has_fresh_secrets(env_file: Path) -> None:
    values = written(env_file, FIRST)
    assert set(values) == {"DEMO", "ORIGIN", "SECRET_KEY", "KEY_ENCRYPTION_KEYS"}
    assert (values["DEMO"], values["ORIGIN"]) == ("1", FIRST)
    assert len(values["SECRET_KEY"]) >= 50
    assert len(base64.urlsafe_b64decode(values["KEY_ENCRYPTION_KEYS"])) == 32
    assert env_file.stat().st_mode & 0o777 == 0o600


def test_a_second_run_leaves_the_env_file_unchanged(env_file: Path) -> None:
    write_demo_env(env_file, FIRST)
    before = env_file.read_text()
    write_demo_env(env_file, FIRST)
    assert env_file.read_text() == before


def test_another_port_keeps_former_base_urls_valid(env_file: Path) -> None:
    secret = written(env_file, FIRST)["SECRET_KEY"]
    moved = written(env_file, SECOND)
    assert moved["ORIGIN"] == SECOND
    assert moved["SECRET_KEY"] == secret
    assert moved["SANDBOX_PREVIOUS_BASE_URLS"] == f"{FIRST}/sandbox"
    assert moved["PRODUCTION_PREVIOUS_BASE_URLS"] == f"{FIRST}/production"


def test_moving_back_to_the_first_port_makes_its_base_urls_current(env_file: Path) -> None:
    for origin in (FIRST, SECOND):
        write_demo_env(env_file, origin)
    back = written(env_file, FIRST)
    assert back["SANDBOX_PREVIOUS_BASE_URLS"] == f"{SECOND}/sandbox"


def test_a_base_url_that_the_owner_set_does_not_change_with_the_port(env_file: Path) -> None:
    env_file.write_text(f"DEMO=1\nORIGIN={FIRST}\nSANDBOX_BASE_URL=http://localhost:9000\n")
    moved = written(env_file, SECOND)
    assert "SANDBOX_PREVIOUS_BASE_URLS" not in moved
    assert moved["PRODUCTION_PREVIOUS_BASE_URLS"] == f"{FIRST}/production"


def test_lines_that_the_owner_added_are_kept(env_file: Path) -> None:
    env_file.write_text('# mine\nDEMO = true\nexport DEMO_PASSWORD="a b"\nSECRET_KEY=\n')
    values = written(env_file, FIRST)
    assert env_file.read_text().startswith("# mine\n")
    assert values["DEMO_PASSWORD"] == "a b"
    assert values["SECRET_KEY"]


@pytest.mark.parametrize(
    "text", ["", "DEMO=0\n", "DEMO=false\n", "ORIGIN=https://console.example\n"]
)
def test_settings_of_a_real_installation_are_left_alone(env_file: Path, text: str) -> None:
    env_file.write_text(text)
    with pytest.raises(RefusedError, match="real installation"):
        write_demo_env(env_file, FIRST)
    assert env_file.read_text() == text


@pytest.mark.parametrize("port", ["", "0", "65536", "-1", "8000;", "٨٠"])
def test_invalid_ports_are_refused(port: str) -> None:
    with pytest.raises(RefusedError, match="PORT"):
        origin_for(port)


def test_the_origin_omits_the_default_port_as_browsers_do() -> None:
    assert origin_for("8000") == FIRST
    assert origin_for("80") == "http://localhost"


def test_a_port_in_use_is_refused_before_anything_changes(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo_env, "ENV_FILE", env_file)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(RefusedError, match="in use"):
            require_free(port)
        monkeypatch.setenv("PORT", str(port))
        assert demo_env.main() == 1
    assert "in use" in capsys.readouterr().err
    assert not env_file.exists()
