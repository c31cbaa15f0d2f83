"""Why calls to an API were refused, in the words of *Why did my call fail?*"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from credentials.error_codes import entry_of
from credentials.explain.check_texts import headline_of
from credentials.refused import CheckName
from credentials.reports.api_calls import SameRefusals


@dataclass(frozen=True)
class RefusalCause:
    headline: str
    code: str
    by_environment: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_environment.values())


def refusal_causes(refusals: Iterable[SameRefusals]) -> Sequence[RefusalCause]:
    """The most frequent ones first."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for each in refusals:
        counts[_headline(each), each.code][each.environment] += each.count
    causes = [RefusalCause(*cause, found) for cause, found in counts.items()]
    return sorted(causes, key=lambda cause: (-cause.total, cause.headline, cause.code))


def _headline(refusal: SameRefusals) -> str:
    check = CheckName(refusal.check_name) if refusal.check_name else None
    entry = entry_of(refusal.code, refusal.error, rest=True)
    if entry and check is CheckName.REQUEST and not refusal.reason:
        # The check says only that something was wrong with the request.
        return entry.cause.removesuffix(".")
    return headline_of(check, reason=refusal.reason)
