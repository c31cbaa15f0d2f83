"""`make bench`: what the token endpoint and bearer authentication cost, beside a floor and peers.

Everything runs here: a PostgreSQL of its own, each server as one process of granian with 8 threads
on one core, PostgreSQL and the load client on another. Servers take turns in five rounds; of each,
the round with the least CPU per request counts, as other programs may use the machine. Every
response is checked. Nothing is asserted about time; ordinary tests hold statements and indexes.
"""

import argparse
import time
from importlib import import_module

from benchmarks.installation import installation
from benchmarks.servers import Cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--credentials", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, each server and round")
    parser.add_argument("--growth", action="store_true", help="also with a million credentials")
    parser.add_argument("--only", nargs="*", default=[""], help="requests whose name begins so")
    parser.add_argument("--write", action="store_true", help="into docs/reference/performance.md")
    options = parser.parse_args()
    cores = Cores.of_this_machine()
    cores.keep_others()
    started = time.monotonic()
    with installation():
        # Only now: it imports models, which need the settings.
        measured = import_module("benchmarks.measured_apis")
        measured.run(
            cores,
            credentials=options.credentials,
            rounds=options.rounds,
            seconds=options.seconds,
            growth=options.growth,
            only=options.only,
            write=options.write,
            started=started,
        )


if __name__ == "__main__":
    main()
