"""No code depends on a database session.

Behind pgbouncer in transaction mode, the next statement can reach another session.
"""

import re

from tests.house.sources import sources

# Things that belong to a database session. They would be missing in the next one, or leak into it.
_OF_A_SESSION = re.compile(
    r"pg_(?:try_)?advisory_lock|\bLISTEN\b|\bSET SESSION\b|\bCREATE TEMP|\bPREPARE\b"
    r"|\.iterator\(|set_config\([^)]*false\)"
)


def test_no_code_depends_on_a_database_session() -> None:
    found = {source.name: _OF_A_SESSION.findall(source.text) for source in sources()}
    assert {name: matches for name, matches in found.items() if matches} == {}
