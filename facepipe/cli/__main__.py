"""`python -m facepipe.cli`: the same as `facepipe`."""

from facepipe.cli.app import main

main()
