"""`python -m roaddamage`."""

import typer

from roaddamage.cli import app, localised
from roaddamage.language import preferred_language, translation


def main() -> None:
    """Entry point of the installed command."""
    command = typer.main.get_command(app)
    localised(command, translation(preferred_language()))(prog_name="roaddamage")


if __name__ == "__main__":
    main()
