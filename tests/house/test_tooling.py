"""Containers, scripts and lock files match the code.

These tests need no container engine. They read the files that one would run.
"""

import ast
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

from tests.plugins.environment import ENVIRONMENT, UNSET

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {"SECRET_KEY", "KEY_ENCRYPTION_KEYS", "ORIGIN", "EMAIL_URL"}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {
    name: service
    for name, service in SERVICES.items()
    if service.get("image") == "developer-console"
}
# Everything else is the same for both PostgreSQL services.
OF_ONE_DATABASE = {"depends_on", "environment", "profiles", "volumes"}
# Services that a proxy in front of the containers can reach.
OPEN = {"web", "balancer"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SCRIPTS = ["bin/install", "bin/serve", ".ci/run"]
LOCKS = ["requirements.txt", "requirements-dev.txt"]


def known_settings() -> set[str]:
    """Every environment variable that the settings read."""
    code = "".join((ROOT / "console" / name).read_text() for name in ("env.py", "settings.py"))
    read = r"\b(?:env\.\w+|environment\.rate_limit|environment\.positive)"
    names = set(re.findall(rf'{read}\(\s*f?"([^"]+)"', code))
    return {
        name.replace("{name}", environment)
        for name in names
        for environment in ("SANDBOX", "PRODUCTION")
    }


def variables_of_serve() -> set[str]:
    """The variables that bin/serve reads, except those that the system sets."""
    text = (ROOT / "bin" / "serve").read_text()
    return set(re.findall(r"\$\{([A-Z_]+):-", text)) - {"TMPDIR"}


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_compose_sets_only_settings_that_are_read() -> None:
    for service in OURS.values():
        ours = {name for name in service["environment"] if not name.startswith("GRANIAN_")}
        assert ours <= known_settings() | variables_of_serve()


def test_compose_refuses_to_start_without_secrets() -> None:
    for service in OURS.values():
        assert all(":?" in service["environment"][name] for name in SECRETS)
    assert ":?" in SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert "DEMO" not in str(SERVICES)


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS])
def test_a_service_image_is_pinned(name: str) -> None:
    """Images of others by version, and images that we build from a Debian release."""
    service = SERVICES[name]
    if "build" in service:
        assert service["build"]["dockerfile_inline"].startswith("FROM debian:bookworm-slim\n")
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
        # These two images start as root to set the owner of their data, then drop privileges.
        assert name in {"postgres", "redis"} or service["cap_drop"] == ["ALL"], name


def test_every_configuration_exists_and_is_used() -> None:
    used = {
        config["source"]: config["target"]
        for service in SERVICES.values()
        for config in service.get("configs", [])
    }
    assert set(used) == set(COMPOSE["configs"])
    told = f"{COMPOSE['configs']}{[service.get('command') for service in SERVICES.values()]}"
    told += SERVICES["pgbouncer"]["build"]["dockerfile_inline"]
    assert [target for target in used.values() if target not in told] == []


def test_a_service_is_recreated_when_its_configuration_changes() -> None:
    """Compose compares only the service's own part of the file, not its configurations."""
    for service in SERVICES.values():
        own = str([service.get("environment"), service.get("command")])
        for config in service.get("configs", []):
            content = COMPOSE["configs"][config["source"]]["content"]
            for variable in re.findall(r"(?<!\$)\$\{(\w+)", content):
                # The password is changed in the database first.
                assert f"${{{variable}:" in own or variable == "POSTGRES_PASSWORD"


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


def test_our_image_is_pinned_and_does_not_run_as_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(set(bases)) == 1
    assert re.search(r":\d+\.\d+-", bases[0])
    last_stage = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]
    assert re.findall(r"^USER (\S+)", last_stage, re.MULTILINE) == ["console"]
    assert ".env" in (ROOT / ".dockerignore").read_text().splitlines()


def instructions(name: str) -> list[str]:
    """The arguments of each Dockerfile instruction with this name."""
    joined = DOCKERFILE.replace("\\\n", " ")
    return re.findall(rf"^{name} (.*)$", joined, re.MULTILINE)


def test_the_dockerfile_names_only_things_that_exist() -> None:
    """Everything that it copies, runs and starts is here, or created by `make`."""
    for line in instructions("COPY"):
        if line.startswith("--from="):
            assert line == "--from=build /app /app"
        else:
            assert all((ROOT / path).exists() for path in line.split()[:-1])
    for line in instructions("RUN"):
        for module in re.findall(r"python -m ([\w.]+)", line):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
        for target in re.findall(r"\bmake ([a-z-]+)", line):
            assert target in make_targets()
    for line in instructions("CMD"):
        assert os.access(ROOT / json.loads(line)[0], os.X_OK)
    (user,) = instructions("USER")
    assert any(
        line.startswith("useradd ") and line.endswith(f" {user}") for line in instructions("RUN")
    )
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    # `make install` and `bin/serve` need them in the image.
    assert not {"bin", "Makefile", "requirements.txt", "manage.py"}.intersection(ignored)


def test_our_image_is_built_and_started_like_make_run() -> None:
    steps = set(re.findall(r"^RUN .*\bmake ([a-z]+)", DOCKERFILE, re.MULTILINE))
    assert steps == {"install", "collectstatic"}
    assert steps <= make_targets()
    assert 'CMD ["bin/serve"]' in DOCKERFILE
    assert "bin/serve" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["sh", "-n", ROOT / script], check=True)


def test_continuous_integration_only_calls_make_test() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if "make" in line] == ["exec make test"]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_has_hashes_and_no_package_index(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index" not in text
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in requirement for requirement in requirements)


def test_both_lock_files_pin_the_same_versions() -> None:
    production, development = map(pins, LOCKS)
    assert production.items() <= development.items()


def test_the_test_environment_covers_every_setting() -> None:
    chosen_by_the_database_plugin = {"DATABASE_URL"}
    assert known_settings() - chosen_by_the_database_plugin <= {*ENVIRONMENT, *UNSET}
