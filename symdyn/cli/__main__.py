"""`python -m symdyn.cli`."""

from symdyn.cli.app import main

main()
