from typing import Any

from accounts.management.operator_command import OperatorCommand
from accounts.models import User
from accounts.second_factor import has_second_factor


class Command(OperatorCommand):
    help = "List the people who operate this installation, one per line."
    examples = ("",)

    def run(self, **options: Any) -> None:
        operators = User.objects.filter(is_staff=True).select_related("membership__organization")
        for user in operators.order_by("email"):
            membership = getattr(user, "membership", None)
            columns = [
                user.email,
                user.name,
                str(membership.organization) if membership else "",
                "active" if user.is_active else "deactivated",
                "second factor" if has_second_factor(user) else "no second factor",
            ]
            self.stdout.write("\t".join(columns))
