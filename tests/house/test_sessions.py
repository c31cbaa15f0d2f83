"""Behind pgbouncer in transaction mode the next statement may reach another session."""

import re

from tests.house.sources import sources

# What belongs to a session of the database, and would be missing in the next one or leak into it.
_OF_A_SESSION = re.compile(
    r"pg_(?:try_)?advisory_lock|\bLISTEN\b|\bSET SESSION\b|\bCREATE TEMP|\bPREPARE\b"
    r"|\.iterator\(|set_config\([^)]*false\)"
)


def test_no_code_of_ours_relies_on_a_session() -> None:
    found = {source.name: _OF_A_SESSION.findall(source.text) for source in sources()}
    assert {name: matches for name, matches in found.items() if matches} == {}
