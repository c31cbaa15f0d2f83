import os

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.fuzz import figures

# `tests/fuzz/figures.py` measures what a deadline would, without other programs.
hypothesis_settings.register_profile(
    "fuzz",
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
hypothesis_settings.load_profile("fuzz")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    print(f"\n{figures.table()}")  # noqa: T201 - what the command is for
    if exitstatus == 0 and os.environ.get("FUZZ_WRITE"):
        figures.write()
