"""docker-compose.yml agrees with itself, with the code and with the docs.

No container engine is needed: these tests read the file that one would run.
tests/scale/test_compose.py runs its start script of the databases, its cache and its health checks.
"""

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

from tests.house.compose import COMPOSE, SERVICES, MissingError, interpolated, interpolated_in
from tests.house.sources import ROOT
from tests.house.test_production import start
from tests.house.test_tooling import known_settings, variables_of_serve

# The keys that we use, of those that Compose knows. It refuses a misspelled one; so do we.
TOP = {
    "configs", "name", "networks", "secrets", "services", "volumes", "x-console", "x-database",
    "x-running", "x-web",
}  # fmt: skip
KEYS = {
    "build", "cap_drop", "command", "configs", "cpus", "depends_on", "environment", "healthcheck",
    "image", "init", "mem_limit", "networks", "pids_limit", "ports", "profiles", "read_only",
    "restart", "secrets", "security_opt", "shm_size", "stop_grace_period", "tmpfs", "user",
    "volumes",
}  # fmt: skip
CHECK_KEYS = {"interval", "retries", "start_period", "test", "timeout"}
NEEDED = {"DEFAULT_FROM_EMAIL", "ORIGIN"}
CONSOLE_KEYS = {"key_encryption_keys", "secret_key"}
# What the console reads while it runs.
RUNNING = {*CONSOLE_KEYS, "console_app_password", "email_url", "redis_password"}
SECRETS = {
    "balancer": set(),
    "migrate": {*CONSOLE_KEYS, "postgres_password"},
    "pgbouncer": {"console_app_password", "postgres_password"},
    "postgres": {"postgres_password"},
    "redis": {"redis_password"},
    "roles": {"console_app_password", "postgres_password"},
    "standby": {"postgres_password"},
    "tick": RUNNING,
    "web": {*RUNNING, "metrics_token", "secret_key_fallbacks"},
    "web-2": {*RUNNING, "metrics_token", "secret_key_fallbacks"},
}
OURS = {
    name: service
    for name, service in SERVICES.items()
    if service.get("image") == "developer-console"
}
# Everything else is the same for both PostgreSQL services.
OF_ONE_DATABASE = {"depends_on", "environment", "profiles", "volumes"}
# Services that a proxy in front of the containers can reach.
OPEN = {"web", "balancer"}
DOCS = {page.name: page.read_text() for page in sorted((ROOT / "docs").rglob("*.md"))}
COMMAND = ["docker", "compose", "--env-file", "production.env"]
SHOWN = """
import json
from django.conf import settings as s
read = [s.DATABASES["default"], s.CACHES["default"], s.SECRET_KEY, s.KEY_ENCRYPTION_KEYS]
print(json.dumps([*read, s.EMAIL_HOST, s.METRICS_TOKEN], default=str))
"""
# Subcommands of the docs that take the names of any number of services, or one and a command.
OF_SERVICES = {"build", "restart", "rm", "stop", "up"}
OF_ONE_SERVICE = {"exec", "run"}


def test_the_file_has_only_keys_that_we_know() -> None:
    assert set(COMPOSE) == TOP
    for name, service in SERVICES.items():
        assert set(service) <= KEYS, name
        assert set(service.get("healthcheck", {})) <= CHECK_KEYS, name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(
            COMPOSE["volumes"]
        ), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name


def test_compose_sets_only_settings_that_are_read() -> None:
    for service in OURS.values():
        ours = {
            name.removesuffix("_FILE")
            for name in service["environment"]
            if not name.startswith("GRANIAN_")
        }
        assert ours <= known_settings() | variables_of_serve()


def test_each_service_has_only_the_secrets_that_it_reads() -> None:
    given = {name: set(service.get("secrets", [])) for name, service in SERVICES.items()}
    read = {
        name: set(re.findall(r"/run/secrets/(\w+)", str(service)))
        for name, service in SERVICES.items()
    }
    assert given == read == SECRETS
    assert set.union(*given.values()) == COMPOSE["secrets"].keys()


def test_every_secret_comes_from_a_file_without_a_default() -> None:
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"${{SECRETS_DIR:-./secrets}}/{name}"}
    variables = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert {name for name in variables if re.search("PASSWORD$|KEY|TOKEN|EMAIL_URL", name)} == set()
    assert "DEMO" not in str(SERVICES)


def test_a_read_only_service_gets_its_configuration_from_files() -> None:
    """Compose can't write other configurations into it, and refuses to start it."""
    for name, service in SERVICES.items():
        sources = [COMPOSE["configs"][each["source"]] for each in service.get("configs", [])]
        assert all("file" in each for each in sources if service.get("read_only")), name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_limits(name: str) -> None:
    assert {"cpus", "mem_limit", "pids_limit"} <= SERVICES[name].keys()


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_a_service_image_is_pinned(name: str) -> None:
    """Images of others by version, and images that we build from a Debian release."""
    service = SERVICES[name]
    if "build" in service:
        assert service["build"]["dockerfile_inline"].startswith("FROM debian:trixie-slim\n")
    else:
        assert re.search(r":\d+", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_services_that_can_become_ready(name: str) -> None:
    for needed, condition in SERVICES[name].get("depends_on", {}).items():
        match condition["condition"]:
            case "service_healthy":
                assert "healthcheck" in SERVICES[needed]
            case "service_completed_successfully":
                assert SERVICES[needed]["restart"] in {"no", "on-failure"}
            case "service_started":
                # It only runs with its profile, and the service that needs it retries.
                assert not condition["required"]
                assert SERVICES[name]["restart"] == "on-failure"
            case other:
                pytest.fail(f"{name} waits for {needed} to be {other}")


def test_compose_runs_commands_that_exist() -> None:
    commands = re.findall(
        r"manage\.py(?:', '| )(\w+)", str([s.get("command") for s in OURS.values()])
    )
    assert set(commands) == {"migrate", "tick"}
    assert set(commands) <= set(get_commands())


def test_the_scale_profile_adds_a_second_machine() -> None:
    added = {name for name, service in SERVICES.items() if service.get("profiles") == ["scale"]}
    assert added == {"balancer", "pgbouncer", "standby", "web-2"}
    assert all("profiles" not in SERVICES[name] for name in SERVICES if name not in added)
    web, second = SERVICES["web"], SERVICES["web-2"]
    same = set(web) - {"ports"}
    assert {name: web[name] for name in same} == {name: second[name] for name in same}
    balancer = COMPOSE["configs"]["balancer"]["content"]
    for server in ("web", "web-2"):
        assert f"server {server} {server}:8000" in balancer
    # Otherwise a caller's X_Forwarded_For would replace the header of the balancer.
    assert "option http-restrict-req-hdr-names delete" in balancer


def test_no_container_gains_privileges() -> None:
    for name, service in SERVICES.items():
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name


def test_only_migrations_run_as_the_owner_of_the_database() -> None:
    addresses = {name: each["environment"]["DATABASE_URL"] for name, each in OURS.items()}
    users = {name: re.split("[/:@]+", address)[1] for name, address in addresses.items()}
    assert users == dict.fromkeys(OURS, "console_app") | {"migrate": "console"}
    assert (ROOT / COMPOSE["configs"]["roles"]["file"]).is_file()


def test_every_configuration_exists_and_is_used() -> None:
    used = {
        config["source"]: config["target"]
        for service in SERVICES.values()
        for config in service.get("configs", [])
    }
    assert set(used) == set(COMPOSE["configs"])
    told = f"{COMPOSE['configs']}{[service.get('command') for service in SERVICES.values()]}"
    assert [target for target in used.values() if target not in told] == []


def test_a_service_is_recreated_when_its_configuration_changes() -> None:
    """Compose compares only the service's own part of the file, not its configurations."""
    for service in SERVICES.values():
        own = str([service.get("environment"), service.get("command")])
        for config in service.get("configs", []):
            content = COMPOSE["configs"][config["source"]].get("content", "")
            for variable in re.findall(r"(?<!\$)\$\{(\w+)", content):
                assert f"${{{variable}:" in own


def test_both_database_services_differ_only_in_their_name() -> None:
    first, second = (
        {key: value for key, value in SERVICES[name].items() if key not in OF_ONE_DATABASE}
        for name in ("postgres", "standby")
    )
    assert first == second
    for name in ("postgres", "standby"):
        assert SERVICES[name]["environment"]["CLUSTER_NAME"] == name
        assert SERVICES[name]["volumes"] == [f"{name}:/var/lib/postgresql"]


def test_docker_waits_long_enough_for_a_server_to_stop() -> None:
    """DRAIN_SECONDS and the time for the last requests fit into the grace period."""
    workers = re.search(r"--workers-kill-timeout (\d+)", (ROOT / "bin" / "serve").read_text())
    assert workers
    recommended = re.search(
        r"DRAIN_SECONDS=(\d+)", (ROOT / "docs" / "how-to" / "scale.md").read_text()
    )
    assert recommended
    grace = int(SERVICES["web"]["stop_grace_period"].removesuffix("s"))
    assert grace > int(workers[1]) + int(recommended[1])


def test_the_health_check_requests_an_existing_page() -> None:
    program = SERVICES["web"]["healthcheck"]["test"][-1]
    compile(program, "healthcheck", "exec", ast.PyCF_ONLY_AST)
    path = re.search(r"127\.0\.0\.1:8000(/[\w/]+)", program)
    assert path
    assert resolve(path[1]).url_name == "ready"


def test_our_containers_are_read_only_and_closed() -> None:
    for service in OURS.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
    assert {name for name in SERVICES if "ports" in SERVICES[name]} == OPEN
    for name in OPEN:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])
    assert COMPOSE["networks"]["inside"] == {"internal": True}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$${X}", "${X}"),
        ("<${X}>", "<x>"),
        ("<${EMPTY}>", "<>"),
        ("${X:-other}", "x"),
        ("${EMPTY:-other}", "other"),
        ("${NONE:-${X}/path}", "x/path"),
        ("${NONE:-}", ""),
        ("${X:?what it is}", "x"),
    ],
)
def test_variables_are_filled_in_like_docker_compose_does(text: str, expected: str) -> None:
    assert interpolated(text, {"X": "x", "EMPTY": ""}) == expected


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_missing_required_variable_is_named(name: str) -> None:
    given = dict.fromkeys(NEEDED, "given")
    assert interpolated_in(SERVICES, given).keys() == SERVICES.keys()
    with pytest.raises(MissingError, match=name):
        interpolated_in(SERVICES, given | {name: ""})


def production_env(page: str) -> dict[str, str]:
    """The lines that a page writes into production.env."""
    (lines,) = re.findall(
        r"^cat >>? production.env <<'END'\n(.*?)^END$", DOCS[page], re.MULTILINE | re.DOTALL
    )
    return dict(line.split("=", 1) for line in lines.splitlines())


def test_production_env_of_the_docs_fills_in_every_service() -> None:
    given = production_env("install.md")
    assert given.keys() == NEEDED
    web = interpolated_in(SERVICES["web"], given)["environment"]
    assert web["DATABASE_URL"] == "postgresql://console_app@postgres:5432/console"
    assert web["SANDBOX_BASE_URL"] == "https://developers.example.com/sandbox"
    assert web["TRUSTED_PROXY_COUNT"] == "1"
    scaled = interpolated_in(SERVICES["web"], given | production_env("scale.md"))["environment"]
    assert scaled["DATABASE_URL"] == "postgresql://console_app@pgbouncer:6432/console"
    assert (scaled["DATABASE_IS_PGBOUNCER"], scaled["TRUSTED_PROXY_COUNT"]) == ("1", "2")


def test_the_console_starts_with_the_secrets_that_the_docs_create(tmp_path: Path) -> None:
    (script,) = re.findall(
        r"^mkdir -m 700 secrets$.*?^chmod .*?$", DOCS["install.md"], re.MULTILINE | re.DOTALL
    )
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    made = {path.name: path.read_text().strip() for path in (tmp_path / "secrets").iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    given = interpolated_in(SERVICES["web"], production_env("install.md"))["environment"]
    environment = {
        name: str(value).replace("/run/secrets", str(tmp_path / "secrets"))
        for name, value in given.items()
    }
    started = start(environment | {"CONSOLE_ENV_FILE": ""}, SHOWN)
    assert started.returncode == 0, started.stderr
    read = json.loads(started.stdout)
    database, cache, *others = read
    assert (database["USER"], database["PASSWORD"]) == ("console_app", made["console_app_password"])
    assert cache["LOCATION"] == f"redis://console:{made['redis_password']}@redis:6379/0"
    assert others == [
        made["secret_key"],
        [made["key_encryption_keys"]],
        "mail.example.com",
        made["metrics_token"],
    ]


def test_every_variable_of_the_docs_is_read() -> None:
    read = set(re.findall(r"(?<!\$)\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    given = production_env("install.md") | production_env("scale.md")
    assert given.keys() <= read | {"COMPOSE_PROFILES"}
    assert given["COMPOSE_PROFILES"] in str(SERVICES["standby"]["profiles"])


def test_the_guide_to_scaling_names_the_port_of_the_balancer() -> None:
    (published,) = SERVICES["balancer"]["ports"]
    port = interpolated(published, {}).split(":")[1]
    assert f"the load balancer’s port, {port}," in DOCS["scale.md"]


def commands_of_the_docs() -> list[list[str]]:
    """The words of each command of Compose in a shell block, without the common ones."""
    lines = [
        line
        for page in DOCS.values()
        for block in re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith("docker compose ")
    ]
    words = [shlex.split(line) for line in lines]
    assert all(each[: len(COMMAND)] == COMMAND for each in words)
    return [each[len(COMMAND) :] for each in words]


@pytest.mark.parametrize("words", commands_of_the_docs(), ids=" ".join)
def test_commands_of_the_docs_name_services_that_exist(words: list[str]) -> None:
    subcommand, *arguments = words
    names = [word for word in arguments if not word.startswith("-")]
    if subcommand in OF_ONE_SERVICE:
        names = names[:1]
        assert names
    else:
        assert subcommand in OF_SERVICES
    assert set(names) <= set(SERVICES)


def test_volumes_of_the_docs_exist() -> None:
    found = re.findall(r"^docker volume rm (\S+)$", DOCS["scale.md"], re.MULTILINE)
    assert found
    for volume in found:
        assert volume.removeprefix(f"{COMPOSE['name']}_") in COMPOSE["volumes"]
