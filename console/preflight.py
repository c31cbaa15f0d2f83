"""What bin/serve checks once, before granian starts processes that would each fail by themselves.

A wrong setting would otherwise be reported by every process until granian gives up, and a second
server would share the port with the first: granian sets SO_REUSEPORT for its own processes.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.utils.log import configure_logging

logger = structlog.get_logger(__name__)


def check_start(arguments: Sequence[str]) -> None:
    """Takes the arguments of granian. Exits with a message if the server can't start."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--host", default=os.environ.get("GRANIAN_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))
    parser.add_argument("--uds", default=os.environ.get("GRANIAN_UDS"))
    workers = int(os.environ.get("GRANIAN_WORKERS", "1"))
    parser.add_argument("--workers", type=int, default=workers)
    options, _others = parser.parse_known_args(arguments)
    # Reads the settings, and stops with a message if they are wrong.
    configure_logging(settings.LOGGING_CONFIG, settings.LOGGING)
    if not options.uds:
        _require_free(options.host, options.port)
    if options.workers > 1 and "locmem" in settings.CACHES["default"]["BACKEND"]:
        logger.warning(
            "no_shared_cache",
            workers=options.workers,
            consequence="each process counts rate limits and sign-in limits for itself",
            remedy="Set CACHE_URL.",
        )


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Connections of a server that has just ended don't count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            sys.exit(
                f"The console can't listen on {host} port {port}: {error.strerror}. If another "
                "server is running there, stop it, or set another PORT."
            )


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    check_start(sys.argv[1:])
