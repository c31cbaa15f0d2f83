"""The log of the application server itself, in the same format as that of its processes.

It uses only the standard library. The server starts its processes from itself, so a reload would
not renew a module of ours that it had imported.
"""

import json
import logging
import re
from datetime import UTC, datetime

_CRASH = re.compile(r"Unexpected exit from worker-(\d+)")


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        line: dict[str, object] = {"event": message}
        if crash := _CRASH.fullmatch(message):
            line = {"event": "process_crashed", "process": int(crash[1])}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(
            line
            | {
                "level": record.levelname.lower(),
                "logger": "granian",
                "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            }
        )
