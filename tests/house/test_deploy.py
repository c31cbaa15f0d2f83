"""The files in deploy/ agree with each other, with the code and with the docs, which quote them.

`UPDATE_DOCS=1 pytest tests/house/test_deploy.py` renews the quotations. tests/scale/test_deploy.py
has the programs of these files read them.
"""

import os
import re
import ssl
from pathlib import Path

import environ
import pytest
import yaml

from core.one_time_links import path_without_secret
from tests.house.compose import COMPOSE
from tests.house.sources import ROOT, tracked_files
from tests.house.test_tooling import known_settings, variables_of_serve

DEPLOY = ROOT / "deploy"
NGINX = (DEPLOY / "nginx" / "console.conf").read_text()
PAGES = sorted((ROOT / "docs").rglob("*.md"))
_QUOTATION = re.compile(r"<!-- (deploy/\S+) -->\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"([A-Z_]+)=(.*)")


def quoted(text: str) -> str:
    """The page with its quotations made anew."""
    return _QUOTATION.sub(
        lambda found: f"<!-- {found[1]} -->\n```{found[2]}\n{(ROOT / found[1]).read_text()}```",
        text,
    )


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "<!-- deploy/" in page.read_text()],
    ids=lambda page: page.stem,
)
def test_a_page_quotes_the_files_of_deploy(page: Path) -> None:
    text = page.read_text()
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(text := quoted(text))
    assert text.count("<!-- deploy/") == len(_QUOTATION.findall(text))
    assert text == quoted(text), "Run this test with UPDATE_DOCS=1."


def test_every_file_of_deploy_is_in_the_docs() -> None:
    files = {path.relative_to(ROOT) for path in tracked_files() if path.is_relative_to(DEPLOY)}
    text = "".join(page.read_text() for page in PAGES)
    assert len(files) >= 12
    assert [file for file in files if str(file) not in text and f"`{file.stem}`" not in text] == []


def settings_in(name: str) -> dict[str, str]:
    lines = (DEPLOY / name).read_text().splitlines()
    given = [line for line in lines if line and not line.startswith("#")]
    found = [_LINE.fullmatch(line) for line in given]
    assert all(found)
    return {line[1]: line[2] for line in found if line}


def test_the_settings_file_names_settings_and_reads_the_same_in_every_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """systemd reads it for the services, and the console itself for commands."""
    given = settings_in("console.env")
    assert given.keys() <= known_settings() | variables_of_serve() | {"GRANIAN_WORKERS"}
    assert settings_in("owner.env").keys() == {"DATABASE_URL"}
    # Without these, systemd takes a value as it is.
    assert not re.search(r"[\"'\\]", "".join(given.values()))
    read: dict[str, str] = {}
    monkeypatch.setattr(environ.FileAwareEnv, "ENVIRON", read)
    environ.FileAwareEnv.read_env(DEPLOY / "console.env")
    assert read == given


def test_commands_and_services_read_the_same_settings_as_the_same_user() -> None:
    common = (DEPLOY / "systemd" / "console-.service.d" / "10-common.conf").read_text()
    manage = (DEPLOY / "console-manage").read_text()
    (file,) = re.findall(r"^EnvironmentFile=(.+)$", common, re.MULTILINE)
    (user,) = re.findall(r"^User=(.+)$", common, re.MULTILINE)
    assert f"export CONSOLE_ENV_FILE={file}\n" in manage
    assert f"runuser --user {user} --" in manage
    # All of them get what the services have in common.
    services = list((DEPLOY / "systemd").glob("*.service"))
    assert len(services) == 3
    assert all(path.name.startswith("console-") for path in services)


def test_a_service_waits_longer_for_the_server_than_the_server_for_its_requests() -> None:
    unit = (DEPLOY / "systemd" / "console-web.service").read_text()
    patience = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    workers = re.search(r"--workers-kill-timeout (\d+)", (ROOT / "bin" / "serve").read_text())
    assert patience
    assert workers
    # With the DRAIN_SECONDS of the docs.
    assert int(patience[1]) > int(workers[1]) + 10


def options(text: str) -> dict[str, str]:
    return dict(re.findall(r"^ *(\w+) = (.*)$", text, re.MULTILINE))


def test_pgbouncer_is_set_up_as_in_docker_compose() -> None:
    """tests/scale/test_pgbouncer.py runs the configuration of docker-compose.yml."""
    ours = options((DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text())
    tested = options(COMPOSE["configs"]["pgbouncer"]["content"])
    differ = {name for name in ours.keys() | tested.keys() if ours.get(name) != tested.get(name)}
    assert differ <= {
        *("auth_file", "console", "listen_addr", "log_connections", "log_disconnections"),
        *("logfile", "pidfile"),
    }


def test_alerts_use_figures_that_exist_and_say_what_is_wrong() -> None:
    text = (DEPLOY / "prometheus" / "console.rules.yml").read_text()
    rules = yaml.safe_load(text)["groups"][0]["rules"]
    documented = re.findall(
        r"^\| `(console_\w+)` \|", (ROOT / "docs/how-to/monitor.md").read_text(), re.MULTILINE
    )
    for rule in rules:
        asked = set(re.findall(r"\b(console_\w+?)(?:_bucket)?\b(?=[{\[)\s])", rule["expr"]))
        assert asked or rule["expr"].startswith("up{"), rule
        assert asked <= set(documented)
        assert rule["annotations"]["summary"]
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scraped["rule_files"] == ["console.rules.yml"]
    (port,) = re.findall(r"localhost:(\d+)", str(scraped["scrape_configs"]))
    assert port == settings_in("console.env")["METRICS_PORT"]


def nginx(name: str) -> str:
    found = re.findall(rf"^ +{name} +([^;]+);$", NGINX, re.MULTILINE)
    assert len(found) == 1, name
    return str(found[0])


def test_nginx_accepts_only_tls_1_2_and_1_3() -> None:
    assert nginx("ssl_protocols").split() == ["TLSv1.2", "TLSv1.3"]


def test_both_proxies_prefer_the_strongest_of_strong_ciphers() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    names = nginx("ssl_ciphers").split(":")
    context.set_ciphers(":".join(names))
    ciphers = {each["name"]: each for each in context.get_ciphers()}
    assert ciphers.keys() >= set(names)
    for name in names:
        # Forward secrecy and authenticated encryption.
        assert (ciphers[name]["kea"], ciphers[name]["aead"]) == ("kx-ecdhe", True), name
    bits = [ciphers[name]["strength_bits"] for name in names]
    assert bits == sorted(bits, reverse=True)
    assert nginx("ssl_prefer_server_ciphers") == "on"
    haproxy = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    assert f"ssl-default-bind-ciphers {':'.join(names)}\n" in haproxy
    assert "ssl-min-ver TLSv1.2" in haproxy


@pytest.mark.parametrize(
    "path",
    [
        "/invitations/secret",
        "/account/password/reset/key/1-secret/",
        "/account/confirm-email/secret/",
    ],
)
def test_nginx_shortens_the_links_that_the_console_shortens(path: str) -> None:
    (pattern,) = re.findall(r'"~\*(\^\(\?<link>.+?)" "\$link\.\.\."', NGINX)
    found = re.match(pattern.replace("?<link>", "?P<link>"), path, re.IGNORECASE)
    assert found
    assert f"{found['link']}..." == path_without_secret(path)
