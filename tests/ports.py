"""Free loopback ports for the servers that a test starts."""

import socket
import subprocess
import time

START_SECONDS = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_open(
    port: int, process: "subprocess.Popen[bytes]", name: str, *, seconds: int = START_SECONDS
) -> None:
    """Wait until the server listens. Fails if it has ended or takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if is_open(port):
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} did not start.")
