"""Runs calls at the same moment, each in a thread with its own database connection."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection

SECONDS = 30


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls in threads that start together. Returns what each one returned or raised."""
    start, answers = threading.Barrier(len(calls)), dict[int, Any]()

    def run(number: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            answers[number] = call()
        except Exception as error:
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=SECONDS)
    return [answers[number] for number in range(len(calls))]


@contextmanager
def shared_database(directory: Path) -> Iterator[None]:
    """Use a copy of the SQLite database in a file, as production does. PostgreSQL stays as it is.

    Other tests run in memory, where connections block each other. Only for transactional tests.
    """
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    in_memory, name = connection.connection, connection.settings_dict["NAME"]
    path = directory / "races.sqlite3"
    with closing(sqlite3.connect(path)) as file:
        in_memory.backup(file)
        # Two connections that enable WAL at the same moment would not wait for each other.
        file.execute("PRAGMA journal_mode=WAL")
    # Every thread's connection shares these settings.
    connection.settings_dict["NAME"] = str(path)
    connection.connection = None
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name
        connection.connection = in_memory
