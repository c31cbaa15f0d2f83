"""`make bench-pages`: how long pages take with a large organization, and how many queries.

It requests the pages in this process, through every middleware, as the people who view them. The
pages take turns in several rounds, and the best time counts, because the machine can be busy.
Times are not asserted: the ordinary tests count queries and check indexes.
"""

import argparse
from importlib import import_module

from django.core.management import call_command

from benchmarks.installation import installation

ORGANIZATION = "Load Test"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--credentials", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="into docs/reference/performance.md")
    options = parser.parse_args()
    with installation():
        call_command(
            "seed_load",
            organization=ORGANIZATION,
            people=options.people,
            credentials=options.credentials,
            events=options.events,
        )
        # The same settings of the garbage collector as in each process of the server.
        import_module("console.wsgi")
        # Imported here, because it imports models, which need the settings.
        measured = import_module("benchmarks.measured_pages")
        measured.run(ORGANIZATION, rounds=options.rounds, write=options.write)


if __name__ == "__main__":
    main()
