"""Connections that survive a failover.

We check the socket of a connection before we use it, which costs no round trip, because a server
that died or was shut down has closed it. The kernel notices a machine that vanished
(`tcp_user_timeout` and keepalives in console/env.py).
"""

import select
import threading
import time
import weakref
from typing import Any

import psycopg
import structlog
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

logger = structlog.get_logger(__name__)

# Seconds.
PAUSE = 0.5
# How long one request asks at most: pgbouncer keeps it waiting before it refuses.
ASKING = 5.0


class Absence:
    # While this process can't reach the database, one request at a time tries, half a second after
    # the one before. The others are refused at once, so the threads stay free for health checks.

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ask_again_at = 0.0
        self.is_suspected = False
        """Whether a statement failed as if the database were away.

        Behind pgbouncer, connecting tells nothing, because pgbouncer itself accepts connections.
        """
        self.failures = 0
        """How often this process could not get a connection."""

    @property
    def is_known(self) -> bool:
        return self._ask_again_at > 0

    def allows_asking(self) -> bool:
        if not self.is_known:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + ASKING
            return True

    def note(self, error: Exception) -> None:
        with self._lock:
            self.failures += 1
            is_new = not self.is_known
            self._ask_again_at = time.monotonic() + PAUSE
        if is_new:
            logger.warning("database_away", error=str(error).strip())

    def end(self) -> None:
        self.is_suspected = False
        if self.is_known:
            self._ask_again_at = 0.0
            logger.warning("database_back")


ABSENCE = Absence()


class _Closing:
    # Closes a connection together with its thread. Django's wrapper refers to itself in circles, so
    # the garbage collector would keep connections of ended threads for minutes.

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def __del__(self) -> None:
        self._connection.close()


_of_thread = threading.local()
# The connections of this process, each of a thread; those of threads that ended drop out.
OPEN: "weakref.WeakSet[psycopg.Connection[Any]]" = weakref.WeakSet()


def is_alive(connection: "psycopg.Connection[Any]") -> bool:
    # An idle connection has nothing to read, except for a notice or the end of the connection.
    if connection.closed:
        return False
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    if not poller.poll(0):
        return True
    try:
        connection.execute("")
    except psycopg.Error:
        return False
    return True


def is_busy(connection: "psycopg.Connection[Any]") -> bool:
    return (
        not connection.closed and connection.info.transaction_status is not TransactionStatus.IDLE
    )


def require_writes(connection: "psycopg.Connection[Any]") -> None:
    """Raises `psycopg.Error` if the database doesn't answer, or is a standby, which takes none."""
    if connection.execute("SELECT pg_is_in_recovery()").fetchone() != (False,):
        raise psycopg.OperationalError("The database is a standby.")


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        if not ABSENCE.allows_asking():
            raise psycopg.OperationalError("The database did not answer a moment ago.")
        try:
            connection = self._working_connection(conn_params)
        except psycopg.OperationalError as error:
            ABSENCE.note(error)
            raise
        ABSENCE.end()
        OPEN.add(connection)
        # One for each wrapper: a new connection takes the place of the one before.
        setattr(_of_thread, f"wrapper {id(self)}", _Closing(connection))
        return connection

    def _working_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        if ABSENCE.is_suspected or ABSENCE.is_known:
            try:
                require_writes(connection)
                connection.rollback()
            except psycopg.Error as error:
                connection.close()
                raise psycopg.OperationalError(str(error)) from error
        return connection

    def is_usable(self) -> bool:
        if self.connection is None:
            return False
        if not self.errors_occurred:
            return is_alive(self.connection)
        try:
            require_writes(self.connection)
        except psycopg.Error:
            ABSENCE.is_suspected = True
            return False
        return True
