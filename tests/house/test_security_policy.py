"""SECURITY.md promises times to a fix, and covers everything that an installation runs."""

import re

from tests.house.test_docs import sections, text_of

PARTS = {"requirements.txt", "Dockerfile", "docker-compose.yml"}


def test_a_more_severe_vulnerability_is_fixed_sooner() -> None:
    section = sections(text_of("SECURITY.md"), 2)["Time frames"]
    found = re.findall(
        r"^\| (critical|high|medium|low)\b[^|]*\| (\d+) days \|$", section, re.MULTILINE
    )
    assert [severity for severity, _days in found] == ["critical", "high", "medium", "low"]
    days = [int(each) for _severity, each in found]
    assert days == sorted(days)
    assert days[-1] <= 90
    assert set(re.findall(r"`([\w.-]+\.(?:txt|yml)|Dockerfile)`", section)) >= PARTS


def test_the_policy_says_how_to_report_a_vulnerability_and_which_versions_get_fixes() -> None:
    parts = sections(text_of("SECURITY.md"), 2)
    assert "`/.well-known/security.txt`" in parts["Report a vulnerability"]
    assert "| the latest release | yes |" in parts["Supported versions"]
