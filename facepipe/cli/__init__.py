"""The command line: talks to Dagster and to the rooms, and turns errors into exit codes."""

from facepipe.cli.app import main

__all__ = ["main"]
