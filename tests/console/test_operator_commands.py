"""The commands of operators show how to use them."""

import shlex

import pytest
from django.core.management import CommandError, call_command, get_commands, load_command_class

from accounts.management.operator_command import OperatorCommand

COMMANDS = [
    loaded
    for name, package in get_commands().items()
    if not package.startswith("django.")
    and isinstance(loaded := load_command_class(package, name), OperatorCommand)
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_has_an_example_that_works(command: OperatorCommand) -> None:
    parser = command.create_parser("manage.py", command.name)
    assert f"For example:\n  python manage.py {command.name}" in parser.format_help()
    for example in command.examples:
        parser.parse_args(shlex.split(example))


def test_createsuperuser_says_what_to_use_instead() -> None:
    with pytest.raises(CommandError, match="make_operator"):
        call_command("createsuperuser")
