"""What was tried, and how long the slowest took; `FUZZ_WRITE=1` writes it into the docs."""

import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

PAGE = Path(__file__).parents[2] / "docs/reference/standards.md"
LONGEST = 0.05
"""Seconds of the processor that one input can take."""

Result = TypeVar("Result")


@dataclass
class Figure:
    tried: int = 0
    slowest: float = 0

    def note(self, seconds: float) -> None:
        self.tried += 1
        self.slowest = max(self.slowest, seconds)


figures: dict[str, Figure] = {}


def timed(call: Callable[[], Result]) -> tuple[Result | Exception, float]:
    # Of this thread on the processor: other programs don't count, nor does garbage of other tests.
    gc.disable()
    begun = time.thread_time()
    try:
        result: Result | Exception = call()
    except Exception as error:
        result = error
    seconds = time.thread_time() - begun
    gc.enable()
    return result, seconds


def quick(what: str, call: Callable[[], Result], *expected: type[Exception]) -> Result | None:
    """The result of a call that can be repeated; None if it raised an expected exception."""
    result, seconds = timed(call)
    if seconds > LONGEST:
        # The first call of some kinds imports or compiles something.
        result, seconds = timed(call)
    figures.setdefault(what, Figure()).note(seconds)
    assert seconds <= LONGEST, f"{what} took {seconds * 1000:.0f} ms"
    if isinstance(result, Exception):
        if not isinstance(result, expected):
            raise result
        return None
    return result


@contextmanager
def noted(what: str) -> Iterator[None]:
    """Like `quick`, for what can't be repeated."""
    gc.disable()
    begun = time.thread_time()
    try:
        yield
    finally:
        seconds = time.thread_time() - begun
        gc.enable()
    figures.setdefault(what, Figure()).note(seconds)
    assert seconds <= LONGEST, f"{what} took {seconds * 1000:.0f} ms"


def table() -> str:
    rows = [
        f"| {what} | {figure.tried:,} | {max(figure.slowest * 1000, 0.1):.1f} ms |"
        for what, figure in sorted(figures.items())
    ]
    return "\n".join(["| input | tried | slowest |", "| --- | --- | --- |", *rows])


def write() -> None:
    text = PAGE.read_text()
    pattern = r"(?<=<!-- fuzz -->\n).*?(?=<!-- /fuzz -->)"
    PAGE.write_text(re.sub(pattern, lambda _: table() + "\n", text, flags=re.DOTALL))
