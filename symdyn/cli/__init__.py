"""The command line: `symdyn demo`, `symdyn identify`, `symdyn datasets`. Run `symdyn --help`.

Modules that take long to import are imported inside the commands, so that help and usage errors come at once.
"""

from symdyn.cli.app import app, main

__all__ = ["app", "main"]
