#!/usr/bin/env python
"""Django's command line, with the settings of this project."""

import os
import sys


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        from console.version import CONSOLE_VERSION

        # Also without settings.
        sys.stdout.write(f"{CONSOLE_VERSION}\n")
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
