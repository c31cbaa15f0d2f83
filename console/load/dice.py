"""Random numbers that are the same every time, for generated data. Never use them for secrets."""

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
        """15 digits, as from `accounts.models.platform_accounts.platform_id`."""
        return self.randrange(10**14, 10**15)

    def moment(self, start: datetime, end: datetime) -> datetime:
        seconds = int((end - start).total_seconds())
        return start.replace(microsecond=0) + timedelta(seconds=self.randrange(max(seconds, 1)))

    def favorite(self, things: Sequence[Thing]) -> Thing:
        # The first ones more often, because in real life a few do most of the work.
        return things[int(len(things) * self.random() ** 2)]
