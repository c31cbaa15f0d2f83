"""What the commands of operators have in common: an example in their help, and exit codes.

0 means that the command made the change, or that it was already made. 1 means that it was refused,
and 2 that the arguments are invalid.
"""

from abc import ABC, abstractmethod
from argparse import RawDescriptionHelpFormatter
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from core.origin import Origin


class _HelpFormatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Keeps the lines of the examples."""


class OperatorCommand(ABC, BaseCommand):
    examples: ClassVar[tuple[str, ...]]
    """Arguments that show how to use the command."""

    @property
    def name(self) -> str:
        return type(self).__module__.rpartition(".")[2]

    @property
    def origin(self) -> Origin:
        return Origin.command(self.name)

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        lines = "\n".join(f"  python manage.py {self.name} {each}" for each in self.examples)
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=f"For example:\n{lines}",
            formatter_class=_HelpFormatter,
            **kwargs,
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.run(**options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error

    @abstractmethod
    def run(self, **options: Any) -> None:
        """Does the work. A `ValidationError` becomes the message of the command."""
