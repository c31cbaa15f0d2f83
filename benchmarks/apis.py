"""`make bench`: what token requests and bearer authentication cost, beside a floor and peers.

It starts its own PostgreSQL. Each server is one granian process with 8 threads on one core;
PostgreSQL and the load client run on another. Servers take turns in five rounds. The round with the
least CPU per request counts, because other programs can use the machine. Every response is checked.
Times are not asserted: the ordinary tests count statements and check indexes.
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
    parser.add_argument("--seconds", type=float, default=2.0, help="load for each server and round")
    parser.add_argument("--growth", action="store_true", help="measure a million credentials too")
    parser.add_argument("--only", nargs="*", default=[""], help="beginnings of names")
    parser.add_argument("--write", action="store_true", help="update docs/reference/performance.md")
    options = parser.parse_args()
    cores = Cores.of_this_machine()
    cores.keep_others()
    started = time.monotonic()
    with installation():
        # Imported here, because it imports models, which need the settings.
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
