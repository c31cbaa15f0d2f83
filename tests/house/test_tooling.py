"""The image, the scripts and the lock files match the code. These tests build nothing."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.plugins.environment import ENVIRONMENT, UNSET

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SCRIPTS = ["bin/install", "bin/serve", "deploy/console-manage", ".ci/run"]
LOCKS = ["requirements.txt", "requirements-dev.txt", "requirements-audit.txt"]


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
    steps = {step for line in instructions("RUN") for step in re.findall(r"\bmake ([a-z]+)", line)}
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
    production, development = map(pins, LOCKS[:2])
    assert production.items() <= development.items()


def test_the_test_environment_covers_every_setting() -> None:
    chosen_by_the_database_plugin = {"DATABASE_URL"}
    assert known_settings() - chosen_by_the_database_plugin <= {*ENVIRONMENT, *UNSET}
