"""`python -m roaddamage`."""

import signal
import sys

import typer

from roaddamage.cli import app, localised
from roaddamage.language import preferred_language, translation


def main() -> None:
    """Entry point of the installed command."""
    # Asked to end, or left by its terminal, it cleans up behind it as it does on Ctrl-C.
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    command = typer.main.get_command(app)
    localised(command, translation(preferred_language()))(prog_name="roaddamage")


if __name__ == "__main__":
    main()
