"""Programs that tests run against, installed from Debian where that is possible."""

import os
import shutil
import subprocess


def install(program: str, package: str) -> None:
    """Makes sure that the program is there. Raises `RuntimeError` with what to do if it is not."""
    if not shutil.which(program) and can_install():
        apt_install(package)
    if not shutil.which(program):
        raise RuntimeError(f"The tests need {program}. On Debian: sudo apt-get install {package}")


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-y", "-o", "DPkg::Lock::Timeout=300"]
    for arguments in (["update"], ["install", "--no-install-recommends", package]):
        subprocess.run([*apt, *arguments], env=environment, stdout=subprocess.DEVNULL, check=True)
