"""In the test run, and only here, the annotations of functions and methods are checked, by beartype.

An import hook adds the decorator `checked` to every function of the package that has annotations. Calls that a test
makes itself are not checked, so that a test can hand a public function the wrong thing and see symdyn's own message.
All other calls, those inside symdyn above all, must keep to the annotations. Three kinds of function take what their
annotations do not promise, or are not worth the time: constructors that convert their arguments (the annotation of a
field says what it holds), the checks of arguments, and functions within functions, which are made anew at each call.

Checks are made at the first call that needs one: thousands of functions are never called in a run. jaxtyping's own
hook binds every call to its signature three times over, which took half of the time of the tests; here it keeps the
functions that name shapes of arrays, which must agree within a call.

Most of the time of the tests goes into compiling functions that run once. XLA is therefore told to optimise less, which
takes a fifth off. Programs and tolerances are the same, and the examples in the documentation and `symdyn demo` run
with the code as users have it. Flags of your own come first: `XLA_FLAGS= pytest`.
"""

import ast
import functools
import gc
import os
import sys
import time
import types
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any, get_type_hints

# read when the first function is compiled; processes that tests start inherit it
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has one core: threads of the other's only wait for each other
    for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_threads, "1")

import numpy as np
import pytest
from beartype import BeartypeConf, FrozenDict, beartype
from jaxtyping import jaxtyped

# an integer passes where a float is wanted, and a scalar of NumPy where one of Python is
_LIKE = FrozenDict({int: int | np.integer, float: float | int | np.floating | np.integer})
_strictly = beartype(conf=BeartypeConf(hint_overrides=_LIKE))
_TESTS = (str(Path(__file__).parent), "<doctest")
_TAKES_ANYTHING = ("__init__", "_check", "_require")
_SHAPES = ("Float[", "Bool[")


@functools.cache
def _is_a_test(file: str) -> bool:
    return file.startswith(_TESTS)


def checked(function):
    """The function with its annotations checked, but not in the direct calls of a test or a doctest."""
    if function.__name__.startswith(_TAKES_ANYTHING) or not function.__annotations__:
        return function
    strict = None

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        nonlocal strict
        if _is_a_test(sys._getframe(1).f_code.co_filename):
            return function(*args, **kwargs)
        if strict is None:
            strict = _strict(function)
        return strict(*args, **kwargs)

    return wrapper


def _strict(function):
    """The function under beartype, with annotations as objects: those that exist for type checkers alone are open."""
    shapes = any(text in str(hint) for hint in function.__annotations__.values() for text in _SHAPES)
    same = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    same.__kwdefaults__, same.__qualname__, same.__module__ = (
        function.__kwdefaults__, function.__qualname__, function.__module__,
    )  # fmt: skip
    same.__annotations__ = {name: _resolved(hint, function) for name, hint in function.__annotations__.items()}
    strict = _strictly(same)
    return jaxtyped(strict, typechecker=None) if shapes else strict


def _resolved(hint, function):
    holder = types.SimpleNamespace(__annotations__={"value": hint})
    try:
        return get_type_hints(holder, function.__globals__, include_extras=True)["value"]
    except (NameError, AttributeError):
        return Any


class _Decorated(ast.NodeTransformer):
    """Adds the decorator to functions of a module and methods of its classes, before all others."""

    def visit_FunctionDef(self, node: ast.FunctionDef):
        decorator = ast.parse("__import__('symdyn_annotations').checked", mode="eval").body
        node.decorator_list.append(ast.copy_location(decorator, node))
        return node


class _Loader(SourceFileLoader):
    def get_code(self, fullname):  # from the source, as what is cached has no decorators
        path = self.get_filename(fullname)
        tree = _Decorated().visit(ast.parse(self.get_data(path), path))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname.partition(".")[0] != "symdyn":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


sys.modules["symdyn_annotations"] = sys.modules[__name__]  # a name that the hook can import in each import mode
sys.meta_path.insert(0, _Finder())


def pytest_xdist_make_scheduler(config, log):
    """A file of tests goes to one worker, so that what its tests share is made and compiled once; examples spread."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            return nodeid if file.endswith(_SPREAD) else file

    return ByFile(config, log)


MAPPED = 25_000  # pieces of memory, of the 65 530 that Linux gives a process by default


@pytest.fixture(scope="module", autouse=True)
def _room_for_compiled_functions():
    """Forget what was compiled before a process has no more pieces of memory for it: XLA would crash, not complain."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and maps.read_bytes().count(b"\n") > MAPPED:
        import jax

        jax.clear_caches()
        gc.collect()


_SPREAD = ("test_examples.py", "test_package.py")
_YARDSTICK = 0.05  # processor seconds of `_yardstick` on a quiet core


def _yardstick() -> float:
    """The processor time of a fixed piece of work, loops and small arrays: how fast the machine is just now."""
    start, total = time.process_time(), 0.0
    for k in range(60_000):
        total += float(np.sqrt(np.float64(k)) + sum(range(20)))
    return time.process_time() - start


@pytest.fixture
def processor_seconds():
    """The processor time of a call on a quiet core: the least of a few, by the time of a fixed piece of work beside it.

    A machine that does other work slows each call, by a factor that the fixed piece of work tells.
    """

    def seconds(call, enough: float, tries: int = 4) -> float:
        least = float("inf")
        for _ in range(tries):
            before, start = _yardstick(), time.process_time()
            call()
            spent = time.process_time() - start
            slowness = max(1.0, (before + _yardstick()) / 2 / _YARDSTICK)
            least = min(least, spent / slowness)
            if least < enough:
                break
        return least

    return seconds
