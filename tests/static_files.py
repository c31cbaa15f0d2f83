"""Static files with hashed names, for the servers that tests and benchmarks start."""

import fcntl
import subprocess

from tests.house.sources import ROOT


def collect_static_files() -> None:
    """Collect the files that changed. Other processes wait, because all use one directory."""
    with (ROOT / "Makefile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "--silent", "collectstatic"], cwd=ROOT, check=True)
