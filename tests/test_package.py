"""The package as a whole: which way imports point, what an import costs, and that the documentation in it is true."""

import ast
import doctest
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import symdyn

ROOT = Path(symdyn.__file__).parent
MODULES = sorted(m.name for m in pkgutil.walk_packages(symdyn.__path__, "symdyn.") if not m.name.endswith("__main__"))

# A part may import the parts of a smaller number, and itself. So groups, library and data know nothing of one another.
LAYERS = {
    "_errors": 0,
    "_progress": 0,
    "_archive": 1,
    "_types": 1,
    "groups": 2,
    "library": 2,
    "data": 2,
    "fields": 3,
    "spectral": 3,
    "symmetry": 4,
    "workflow": 5,
    "model": 5,
    "regress": 6,
}
LAYERS |= {"neural": 7, "interop": 7, "demo": 8, "report": 9, "cli": 10, "__main__": 11}
LAYERS |= {"testing": 5}  # for users' own tests: built on groups and symmetry; nothing imports it
ABOVE = {part for part, layer in LAYERS.items() if layer >= 7}  # these use the package as a user does: import symdyn

# What `import symdyn` must not pull in: heavy, optional, or needed by one function only.
LAZY = {
    *("matplotlib", "sympy", "dask", "pysindy", "diffrax", "optax", "sklearn", "pandas", "xarray", "scipy.optimize"),
    *("typer", "rich", "pooch", "netCDF4", "h5netcdf", "clarabel", "symdyn.cli", "symdyn.demo", "symdyn.report"),
}
IMPORT_SECONDS = 1.5  # of processor time


def _part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def _imported(tree: ast.AST, package: str):
    """Absolute names of the modules that a file imports, wherever the statement stands, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            if node.level:
                base = package.split(".")[: len(package.split(".")) - node.level + 1]
                name = ".".join([*base, *filter(None, [name])])
            if name == "symdyn":
                yield from ((f"symdyn.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield name, node.lineno


def _backward(path: Path) -> list[str]:
    """Imports of a file that point back, as text."""
    part = _part(path)
    package = ".".join(["symdyn", *path.parent.relative_to(ROOT).parts])
    wrong = []
    for name, line in _imported(ast.parse(path.read_text(encoding="utf-8")), package):
        head, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if head != "symdyn" or other == "__version__":
            continue
        if other not in LAYERS:  # the whole package, or one of its public names
            allowed = part in ABOVE
        else:
            allowed = other == part or (LAYERS[other] < LAYERS[part] and other != "testing")
        if not allowed:
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    return wrong


def test_every_part_has_a_place_among_the_layers():
    assert {_part(path) for path in ROOT.rglob("*.py")} - {"__init__"} <= set(LAYERS)


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    if path != ROOT / "__init__.py":
        assert not _backward(path)


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("from symdyn.regress import identify", "groups/x.py"),
        ("from symdyn.data.door import read", "library/x.py"),
        ("def f():\n    import symdyn.library", "data/x.py"),
        ("from ..model import Model", "symmetry/x.py"),
        ("import symdyn as sd", "regress/x.py"),
        ("from symdyn import identify", "model/x.py"),
        ("from symdyn.testing import assert_equivariant", "regress/x.py"),
    ],
)
def test_an_arrow_that_points_back_is_seen(tmp_path, monkeypatch, source, place):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / place
    path.parent.mkdir()
    path.write_text(source)
    assert len(_backward(path)) == 1


def test_annotations_are_checked_but_not_in_calls_of_a_test():
    from beartype.roar import BeartypeCallHintParamViolation

    from symdyn.regress._score import compared
    from symdyn.regress.rows.moments import triangular_root

    namespace: dict = {}
    exec(compile("def call(f, *given): return f(*given)", "<elsewhere>", "exec"), namespace)
    with pytest.raises(BeartypeCallHintParamViolation):
        namespace["call"](compared, [1.0], [1.0])
    with pytest.raises(BeartypeCallHintParamViolation):  # a Gram matrix is square
        namespace["call"](triangular_root, np.ones((2, 3)))
    with pytest.raises(AttributeError):
        compared([1.0], [1.0])


def test_public_names_are_sorted_and_unique():
    assert len(set(symdyn.__all__)) == len(symdyn.__all__)
    assert set(symdyn.__all__) <= set(dir(symdyn))


@pytest.mark.parametrize("name", symdyn.__all__)
def test_every_public_name_is_described(name):
    thing = getattr(symdyn, name)
    text = inspect.getdoc(thing)
    assert text
    assert not text.startswith(f"{name}("), "this is the signature that dataclass writes"
    if inspect.isclass(thing):
        silent = [
            f"{name}.{key}"
            for key, member in vars(thing).items()
            if inspect.isfunction(member) or isinstance(member, classmethod | staticmethod)
            if not key.startswith("_") and not inspect.getdoc(getattr(thing, key))
        ]
        assert not silent


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name):
    assert inspect.getdoc(importlib.import_module(name))


def _examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in ("symdyn", *MODULES) for test in finder.find(importlib.import_module(name))]
    return [test for test in found if test.examples]


@pytest.mark.parametrize("example", _examples(), ids=lambda example: example.name)
def test_the_examples_in_docstrings_are_true(example):
    output: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    runner.run(example, out=output.append)
    assert not runner.failures, "".join(output)


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_the_first_example_prints_what_the_page_shows(page, capsys):
    text = (ROOT.parent / page).read_text(encoding="utf-8")
    code, shown = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("python", "text"))
    exec(compile(code, page, "exec"), {})
    number = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
    printed = capsys.readouterr().out
    assert number.sub("#", printed).split() == number.sub("#", shown).split()
    values = [[float(found) for found in number.findall(part)] for part in (printed, shown)]
    assert values[0] == pytest.approx(values[1], rel=1e-4, abs=0.0)


_MEASURE = """
import json, sys, time
start = time.process_time()
import symdyn
seconds = time.process_time() - start
import jax
print(json.dumps([seconds, jax.config.jax_enable_x64, sorted(sys.modules)]))
"""


def test_an_import_is_light_and_changes_no_setting():
    for _ in range(3):  # other work on the machine makes a first try slow
        command = [sys.executable, "-c", _MEASURE]
        text = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True, check=True, timeout=120).stdout
        seconds, double, modules = json.loads(text)
        assert double is False
        assert not LAZY & set(modules)
        if seconds < IMPORT_SECONDS:
            return
    pytest.fail(f"`import symdyn` takes {seconds:.2f} s of processor time")
