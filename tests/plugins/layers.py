"""Marks each test by what it needs, before `-m` chooses; `tests/stages.py` has a stage for each.

`browser`: Chromium, or servers of its own; everything in tests/browser and tests/scale.
`database`: rows; these run on SQLite and once more on PostgreSQL.
`unit`: none of this, so once is enough. pytest-django stops such a test from asking a database.
"""

import pytest

DIRECTORIES = ("browser", "scale")
# pytest-django's: what every fixture that touches rows asks for in the end.
DATABASE = {"db", "transactional_db"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    directories = {config.rootpath / "tests" / name for name in DIRECTORIES}
    for item in items:
        if item.get_closest_marker("browser") or directories.intersection(item.path.parents):
            item.add_marker("browser")
        elif item.get_closest_marker("django_db") or DATABASE.intersection(fixtures_of(item)):
            item.add_marker("database")
        else:
            item.add_marker("unit")


def fixtures_of(item: pytest.Item) -> list[str]:
    """With those that its fixtures ask for."""
    return item.fixturenames if isinstance(item, pytest.Function) else []
