"""The log: one line of JSON for each event, from any logger, on standard error."""

from typing import Any

import structlog

from core.database import in_one_line
from core.one_time_links import redact_line

_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for the whole process: loggers keep the one that they were first used with.
_PROCESSORS_OF_OUR_LINES: list[structlog.typing.Processor] = [
    structlog.stdlib.filter_by_level,
    *_PROCESSORS,
    structlog.processors.StackInfoRenderer(),
    structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
]


def configured_logs(*, level: str) -> dict[str, Any]:
    """The value of `LOGGING`. It also configures structlog, whose lines go the same way."""
    structlog.configure(
        processors=_PROCESSORS_OF_OUR_LINES,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _PROCESSORS,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            in_one_line,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
            # Last, so that it sees everything that is written.
            redact_line,
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # The request log has a line for every request already, with the error if there was one.
            "django.request": {"level": "CRITICAL"},
            "django.server": {"handlers": ["console"], "propagate": False},
            # Written if the operator turns it on (GRANIAN_LOG_ACCESS_ENABLED).
            "granian.access": {"handlers": ["console"], "propagate": False},
            "post_office": {"handlers": ["console"], "propagate": False, "level": "WARNING"},
        },
    }
