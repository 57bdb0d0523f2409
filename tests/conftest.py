"""In the test run, and only here, annotations are checked: by jaxtyping's import hook with beartype.

Calls that a test makes itself are not checked, so that a test can hand a public function the wrong thing and see
symdyn's own message. All other calls, those inside symdyn above all, must keep to the annotations. Two kinds of
function take what their annotations do not promise, on purpose: constructors that convert their arguments (the
annotation of a field says what it holds), and the checks of arguments.
"""

import functools
import sys
from pathlib import Path

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype
from jaxtyping import install_import_hook

# an integer passes where a float is wanted, and a scalar of NumPy where one of Python is
_LIKE = FrozenDict({int: int | np.integer, float: float | int | np.floating | np.integer})
_strictly = beartype(conf=BeartypeConf(hint_overrides=_LIKE))
_TESTS = str(Path(__file__).parent)
_MACHINERY = ("/jaxtyping/", "/beartype/", __file__)
_TAKES_ANYTHING = ("__init__", "_check", "_require")


def checked(function):
    """A type checker for the import hook: beartype, but not for the direct calls of a test or a doctest."""
    if function.__name__.startswith(_TAKES_ANYTHING):
        return function
    strict = _strictly(function)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return (function if _called_by_a_test() else strict)(*args, **kwargs)

    return wrapper


def _called_by_a_test() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename.replace("\\", "/")
        generated = file.startswith("<") and not file.startswith("<doctest")
        if not generated and not any(part in file for part in _MACHINERY):
            return file.startswith(("<doctest", _TESTS))
        frame = frame.f_back
    return False


sys.modules["symdyn_annotations"] = sys.modules[__name__]  # a name that the hook can import in each import mode
install_import_hook("symdyn", "symdyn_annotations.checked")
