"""systemd, nginx, HAProxy and pgbouncer accept the files in deploy/, and nginx logs no secret."""

import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.house.sources import ROOT
from tests.plugins import debian
from tests.plugins.postgres import server_user
from tests.ports import START_SECONDS, free_port, wait_until_open
from tests.scale.replacing import replaced

DEPLOY = ROOT / "deploy"
UNITS = [
    "console-web.service",
    "console-tick.service",
    "console-tick.timer",
    "console-migrate.service",
]
SECRET = "inv_5ZChyE2ToA"
SHOWN_HEADERS = ("Host", "X-Forwarded-For", "X-Forwarded-Proto")


@pytest.fixture(autouse=True, scope="module")
def _programs() -> None:
    if debian.absent(["systemd-analyze"]) and debian.can_install():
        debian.apt_install("systemd")
    debian.install(["nginx", "openssl"])


def run(*arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [str(each) for each in arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units, for the code of this test."""
    directory = tmp_path / "units"
    shutil.copytree(DEPLOY / "systemd", directory)
    for file in directory.rglob("*.*"):
        if file.is_file():
            file.write_text(file.read_text().replace("/srv/console", str(ROOT)))
    return directory


def test_systemd_finds_no_mistake_in_the_units_and_little_exposure(units: Path) -> None:
    path = {"SYSTEMD_UNIT_PATH": f"{units}:"}
    assert run("systemd-analyze", "verify", *(units / name for name in UNITS), **path) == ""
    for name in UNITS:
        if name.endswith(".service"):
            # Ten times the exposure that it shows.
            run(
                "systemd-analyze",
                "security",
                "--offline=true",
                "--threshold=16",
                units / name,
                **path,
            )


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of localhost and its key in one file."""
    file = tmp_path / "console.pem"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=localhost", "-keyout", file, "-out", tmp_path / "chain.pem")  # fmt: skip
    file.write_text(file.read_text() + (tmp_path / "chain.pem").read_text())
    return file


def test_haproxy_accepts_its_file(certificate: Path, tmp_path: Path) -> None:
    config = replaced(
        (DEPLOY / "haproxy" / "haproxy.cfg").read_text(),
        ("/etc/haproxy/console.pem", str(certificate)),
        ("/etc/haproxy/console-ca.pem", str(certificate)),
    )
    file = tmp_path / "haproxy.cfg"
    file.write_text(config)
    assert "ALERT" not in run("haproxy", "-c", "-f", file)


class Shown(BaseHTTPRequestHandler):
    """Answers with the headers that the console would get."""

    def do_GET(self) -> None:
        body = json.dumps([self.headers[name] for name in SHOWN_HEADERS]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "the-request")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing, because a test reads the log of nginx."""


@contextmanager
def upstream() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Shown)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def nginx(directory: Path, certificate: Path, console: int) -> Iterator[int]:
    """Yield the port with TLS."""
    port, plain = free_port(), free_port()
    site = replaced(
        (DEPLOY / "nginx" / "console.conf").read_text(),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("127.0.0.1:8000", f"127.0.0.1:{console}"),
        ("/etc/ssl/console/fullchain.pem", str(certificate)),
        ("/etc/ssl/console/privkey.pem", str(certificate)),
        ("/var/log/nginx/", f"{directory}/"),
    )
    main = f"daemon off;\npid {directory}/pid;\nevents {{}}\nhttp {{\n{site}\n}}\n"
    file = directory / "nginx.conf"
    file.write_text(main)
    run("nginx", "-t", "-q", "-c", file, "-e", directory / "error.log")
    command = ["nginx", "-c", str(file), "-e", str(directory / "error.log")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until_open(port, process, "nginx")
        yield port
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def test_nginx_keeps_the_port_in_the_host_and_logs_no_secret(
    certificate: Path, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    with (
        upstream() as console,
        nginx(tmp_path, certificate, console) as port,
        closing(http.client.HTTPSConnection("localhost", port, context=context)) as browser,
    ):
        browser.request("GET", f"/invitations/{SECRET}?next=hidden")
        response = browser.getresponse()
        assert json.loads(response.read()) == [f"localhost:{port}", "127.0.0.1", "https"]
        browser.request("GET", "/console/apps?name=hidden")
        assert browser.getresponse().read()
    logged = [json.loads(line) for line in (tmp_path / "console.log").read_text().splitlines()]
    assert [line["path"] for line in logged] == ["/invitations/...", "/console/apps"]
    assert {line["request_id"] for line in logged} == {"the-request"}
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert SECRET not in logs
    assert "hidden" not in logs


def test_pgbouncer_starts_with_its_file() -> None:
    port, user = free_port(), server_user()
    with tempfile.TemporaryDirectory(prefix="console-tests-pgbouncer-") as name:
        directory = Path(name)
        config = replaced(
            (DEPLOY / "pgbouncer" / "pgbouncer.ini").read_text(),
            ("listen_port = 6432", f"listen_port = {port}"),
            ("/etc/pgbouncer/", f"{name}/"),
            ("/var/log/postgresql/", f"{name}/"),
            ("/var/run/postgresql/", f"{name}/"),
        )
        (directory / "pgbouncer.ini").write_text(config)
        (directory / "userlist.txt").write_text('"console_app" "password"\n')
        if user:
            for path in (directory, *directory.iterdir()):
                shutil.chown(path, user)
        process = subprocess.Popen(
            ["pgbouncer", "--quiet", directory / "pgbouncer.ini"],
            stderr=subprocess.DEVNULL,
            user=user,
        )
        try:
            wait_until_open(port, process, "pgbouncer")
        finally:
            process.terminate()
            process.wait(timeout=START_SECONDS)
        # It warns of settings that it doesn't know.
        log = (directory / "pgbouncer.log").read_text()
    assert "WARNING" not in log
    assert "ERROR" not in log
