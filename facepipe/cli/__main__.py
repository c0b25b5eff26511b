"""`python -m facepipe.cli`: the same as `facepipe`."""

from facepipe.cli import main

main()
