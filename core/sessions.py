"""Django's sessions in the database, with the right error while the database is away."""

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError

from core.database import is_away


class SessionStore(db.SessionStore):
    def save(self, must_create: bool = False) -> None:
        # Django takes every failure for a session that was deleted meanwhile, and answers 400.
        # While the database is away the session still exists, and the request can be repeated.
        try:
            super().save(must_create)
        except UpdateError as error:
            if isinstance(error.__context__, Exception) and is_away(error.__context__):
                raise error.__context__ from None
            raise
