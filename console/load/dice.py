"""Chance that falls the same way every time: the shape of made-up data, never a secret."""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

Thing = TypeVar("Thing")


class Dice(random.Random):
    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.getrandbits(128), version=4)

    def platform_id(self) -> int:
        """A 15-digit number, as `accounts.models.platform_accounts.platform_id` makes them."""
        return self.randrange(10**14, 10**15)

    def moment(self, start: datetime, end: datetime) -> datetime:
        """A whole second between the two."""
        seconds = int((end - start).total_seconds())
        return start.replace(microsecond=0) + timedelta(seconds=self.randrange(max(seconds, 1)))

    def favourite(self, things: Sequence[Thing]) -> Thing:
        """One of them, the first ones more often: a few do most of the work."""
        return things[int(len(things) * self.random() ** 2)]
