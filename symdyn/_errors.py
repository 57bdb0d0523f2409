"""What symdyn raises and warns: one family, so that a caller can catch it whole."""


class SymdynError(Exception):
    """Base of every error that symdyn raises on purpose. The message names the offending value and the remedy."""


class InputError(SymdynError, ValueError):
    """An argument, a file or a data set that cannot be used as given."""


class MissingDependencyError(SymdynError, ImportError):
    """An optional dependency is needed and absent. The message names the extra that brings it."""


class SymdynWarning(UserWarning):
    """Something was guessed, rounded or left out; the result stands, and the message says how to be explicit."""
