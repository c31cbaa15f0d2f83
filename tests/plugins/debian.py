"""Installs the programs that tests use, from Debian if possible."""

import os
import shutil
import subprocess
from collections.abc import Sequence

# Where the package has another name than the program.
PACKAGES = {"javac": "default-jdk-headless", "php": "php-cli"}


def install(programs: Sequence[str]) -> None:
    """Install the missing ones.

    Raises `RuntimeError` with instructions if one is still missing.
    """
    if absent(programs) and can_install():
        apt_install(*_packages_of(absent(programs)))
    if missing := " ".join(_packages_of(absent(programs))):
        raise RuntimeError(f"The tests need {missing}. On Debian: sudo apt-get install {missing}")


def absent(programs: Sequence[str]) -> list[str]:
    return [program for program in programs if not shutil.which(program)]


def _packages_of(programs: Sequence[str]) -> list[str]:
    return [PACKAGES.get(program, program) for program in programs]


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for arguments in (["update"], ["install", "--no-install-recommends", *packages]):
        subprocess.run([*apt, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
