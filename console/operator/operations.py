"""The list of an API's operations with what each call needs, and how often each was called."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from django.http import QueryDict

from accounts.forms.lists import UncheckedChoiceField
from accounts.platform.catalog import Api, Operation
from console.reference.operations import OperationListForm, Row
from credentials.reports.api_calls import CallTally


@dataclass(frozen=True)
class CalledRow(Row):
    """An operation with its calls."""

    tally: CallTally


class CalledOperationListForm(OperationListForm):
    # Each row has two more columns than in the reference.
    page_size: ClassVar[int] = 30

    calls = UncheckedChoiceField(
        label="Calls",
        choices=[("called", "Called"), ("refused", "Refused"), ("none", "Not called")],
    )

    def __init__(self, data: QueryDict, *, api: Api, tallies: Mapping[str, CallTally]) -> None:
        self._tallies = tallies
        super().__init__(data, api=api)

    def row_of(self, operation: Operation) -> Row:
        return CalledRow(operation, self._tally(operation))

    def is_wanted(self, operation: Operation) -> bool:
        tally = self._tally(operation)
        is_one = {
            "called": tally.counted > 0,
            "refused": tally.all_refused > 0,
            "none": tally.is_empty,
        }
        return is_one.get(self.filters.get("calls", ""), True) and super().is_wanted(operation)

    def _tally(self, operation: Operation) -> CallTally:
        return self._tallies.get(operation.id) or CallTally()
