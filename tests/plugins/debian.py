"""Installs the programs that tests use, from Debian if possible."""

import os
import shutil
import subprocess
from collections.abc import Sequence


def install(programs: Sequence[str]) -> None:
    """Install the missing ones, each from the package of the same name.

    Raises `RuntimeError` with instructions if one is still missing.
    """
    if absent(programs) and can_install():
        apt_install(*absent(programs))
    if missing := " ".join(absent(programs)):
        raise RuntimeError(f"The tests need {missing}. On Debian: sudo apt-get install {missing}")


def absent(programs: Sequence[str]) -> list[str]:
    return [program for program in programs if not shutil.which(program)]


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for arguments in (["update"], ["install", "--no-install-recommends", *packages]):
        subprocess.run([*apt, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
