"""Runs the tests in tests/browser/ in the Chromium of this machine, through Playwright.

Set CHROMIUM to use another one. Playwright's own download is not used.
"""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.plugins.debian import apt_install, can_install

# Chromium without windows, which draws the same pages with half the CPU.
HEADLESS_SHELL = "chromium-headless-shell"
NAMES = (
    HEADLESS_SHELL,
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
INSTALL = (
    f"On Debian: sudo apt-get install {HEADLESS_SHELL}. Or name another: CHROMIUM=/path make test"
)
QUIET = [
    # The browser makes no connections beyond this machine.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
]


def find_chromium() -> str | None:
    if chosen := os.environ.get("CHROMIUM"):
        return shutil.which(chosen)
    found = next(filter(None, map(shutil.which, NAMES)), None)
    return found or (str(MAC) if MAC.exists() else None)


def install_chromium() -> str:
    """Find Chromium, or install the one of Debian if possible."""
    if found := find_chromium():
        return found
    if os.environ.get("CHROMIUM"):
        raise RuntimeError(f"CHROMIUM={os.environ['CHROMIUM']} is not a program.")
    if not can_install():
        raise RuntimeError(f"The browser tests need Chromium and found none. {INSTALL}")
    # Other distributions may have only the whole browser.
    with suppress(subprocess.CalledProcessError):
        apt_install(HEADLESS_SHELL)
    if not find_chromium():
        apt_install("chromium")
    if found := find_chromium():
        return found
    raise RuntimeError(f"apt-get installed no Chromium that can be found. {INSTALL}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    # Playwright's synchronous API keeps an event loop in this thread until the session ends, and
    # Django would refuse to query the database beside it.
    if item.get_closest_marker("browser"):
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    executable = find_chromium()
    if not executable:
        pytest.fail(f"No Chromium found. {INSTALL}", pytrace=False)
    # Chromium's sandbox does not work as root.
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    arguments = [*browser_type_launch_args.get("args", []), *QUIET, *sandbox]
    return browser_type_launch_args | {"executable_path": executable, "args": arguments}


@pytest.fixture
def console(live_server: LiveServer, settings: Settings) -> str:
    """Start a console, and return its origin."""
    origin: str = live_server.url
    settings.ORIGIN = origin
    settings.CSRF_TRUSTED_ORIGINS = [origin]
    settings.SANDBOX_BASE_URL = f"{origin}/sandbox"
    settings.PRODUCTION_BASE_URL = f"{origin}/production"
    return origin
