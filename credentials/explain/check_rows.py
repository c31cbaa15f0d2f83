"""Findings as pages list them: what the viewer can't see becomes one row for each side."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from credentials.explain.check_texts import Side
from credentials.explain.requests import RequestKind
from credentials.oauth.checks import CodedMessage, Finding, Result
from credentials.refused import CheckName


@dataclass(frozen=True)
class CheckRow:
    title: str
    result: Result
    detail: str = ""
    code: str = ""


@dataclass(frozen=True)
class Visibility:
    # The sides of a request that one person can see.
    app: bool
    credential: bool

    def shows(self, side: Side) -> bool:
        if side is Side.EITHER:
            return self.app or self.credential
        return self.app if side is Side.APP else self.credential


EVERYTHING = Visibility(app=True, credential=True)


def stopped_at(
    checks: Sequence[CheckName], failed: CheckName | None, refusal: CodedMessage | None
) -> list[Finding]:
    """The findings of a request that an API answered; `failed` is None if it granted it."""
    if failed is None:
        return [Finding(check, Result.PASSED) for check in checks]
    position = checks.index(failed)
    return [
        *(Finding(check, Result.PASSED) for check in checks[:position]),
        Finding(failed, Result.FAILED, refusal),
        *(Finding(check, Result.NOT_REACHED) for check in checks[position + 1 :]),
    ]


def rows_of(
    findings: Iterable[Finding], kind: RequestKind, visibility: Visibility
) -> list[CheckRow]:
    rows: list[CheckRow] = []
    for (is_shown, is_app), run in groupby(
        findings,
        key=lambda found: (
            visibility.shows(kind.side(found.check)),
            kind.side(found.check) is Side.APP,
        ),
    ):
        if is_shown:
            rows += [_row(found, kind) for found in run]
        else:
            rows.append(_summary(list(run), "app" if is_app else "credential"))
    return rows


def _row(found: Finding, kind: RequestKind) -> CheckRow:
    title = kind.title(found.check)
    if found.refusal is None:
        return CheckRow(title, found.result, found.note)
    return CheckRow(title, found.result, found.refusal.message, found.refusal.code)


_SUMMARIES = {
    Result.PASSED: "Only the {side}’s owner can see which checks these are.",
    Result.FAILED: "A check of the {side} failed. Only its owner can see why. Ask them.",
    Result.NOT_REACHED: "Only the {side}’s owner can see these checks.",
    Result.UNKNOWN: "Only the {side}’s owner can see these checks.",
}


def _summary(findings: list[Finding], side: str) -> CheckRow:
    failed = next((found for found in findings if found.result is Result.FAILED), None)
    result = (failed or findings[0]).result
    code = failed.refusal.code if failed and failed.refusal else ""
    return CheckRow(f"Checks of the {side}", result, _SUMMARIES[result].format(side=side), code)
