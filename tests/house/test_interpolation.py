"""How tests/scale/compose.py fills in the variables of docker-compose.yml."""

import pytest

from tests.house.sources import ROOT
from tests.house.test_tooling import SERVICES
from tests.scale.compose import MissingError, interpolated, interpolated_in

NEEDED = (
    "DEFAULT_FROM_EMAIL",
    "EMAIL_URL",
    "KEY_ENCRYPTION_KEYS",
    "ORIGIN",
    "POSTGRES_PASSWORD",
    "SECRET_KEY",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$${X}", "${X}"),
        ("<${X}>", "<x>"),
        ("<${EMPTY}>", "<>"),
        ("${X:-other}", "x"),
        ("${EMPTY:-other}", "other"),
        ("${NONE:-${X}/path}", "x/path"),
        ("${NONE:-}", ""),
        ("${X:?what it is}", "x"),
    ],
)
def test_variables_are_filled_in_like_docker_compose_does(text: str, expected: str) -> None:
    assert interpolated(text, {"X": "x", "EMPTY": ""}) == expected


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(MissingError, match="NONE: what it is"):
        interpolated("${NONE:?what it is}", {})


def test_the_guide_to_scaling_names_the_port_of_the_balancer() -> None:
    (published,) = SERVICES["balancer"]["ports"]
    port = interpolated(published, {}).split(":")[1]
    assert f"the balancer’s port, {port}," in (ROOT / "docs" / "how-to" / "scale.md").read_text()


def test_every_service_asks_for_the_variables_that_it_needs() -> None:
    given = dict.fromkeys(NEEDED, "given")
    assert interpolated_in(SERVICES, given).keys() == SERVICES.keys()
    for name in NEEDED:
        with pytest.raises(MissingError, match=name):
            interpolated_in(SERVICES, given | {name: ""})
