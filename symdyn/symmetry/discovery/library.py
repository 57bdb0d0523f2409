"""Candidate generators as a library: all fields psi(x) d/dx_k with psi polynomial, trigonometric or a user's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy import sparse

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.library import AbstractLibrary, Function, Monomials
from symdyn.library.monomials import monomial_exponents
from symdyn.symmetry.discovery.fields import TermFields


@dataclass(frozen=True)
class VectorFields:
    """All vector fields psi(x) d/dx_k with the terms psi of a library: candidates for `find_symmetries`.

    Parameters
    ----------
    library: a degree, for all polynomials up to it, or any library of scalar terms: `sd.Monomials(1) + sd.Waves(...)`.
    functions: further scalar terms by name: functions in `jax.numpy` from the state (a dict of arrays by variable) to a
        number.
    time: for the rates of a state: whether the terms depend on the time t too, and the fields move it, tau(t, x) d/dt.
        On jets the time is a coordinate like the others, and this says nothing.
    moves: the variables that the fields may move; all by default.

    Raises InputError (when used) for a degree below 0, a library of vector terms or unknown names.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.find_symmetries({"x": "-y", "y": "x"}, candidates=sd.VectorFields(1))
    >>> [str(g) for g in found.trivial]
    ['x d/dy - y d/dx: the flow itself', 'x d/dx + y d/dy: every linear law has it']
    """

    library: int | AbstractLibrary = 1
    functions: Mapping[str, Callable[[dict[str, Any]], Any]] | None = None
    time: bool = False
    moves: tuple[str, ...] | None = None

    def __post_init__(self):
        if isinstance(self.library, AbstractLibrary):
            return
        if isinstance(self.library, bool) or not isinstance(self.library, int) or self.library < 0:
            raise InputError(f"VectorFields needs a degree >= 0 or a library, got {self.library!r}")

    def on(self, space: StateSpace) -> TermFields:
        """The fields on the coordinates of a space."""
        moves = space.names if self.moves is None else self.moves
        columns = space.indices(tuple(moves))
        if isinstance(self.library, int) and not self.functions:
            exponents = np.array(monomial_exponents(space.size, self.library))
            return TermFields(space, _elementary(columns, space.size, len(exponents)), exponents)
        library = Monomials(self.library) if isinstance(self.library, int) else self.library
        if self.functions:
            own = tuple(self.functions.values())
            library = library + Function(lambda s: jnp.stack([jnp.asarray(f(s)) for f in own]), tuple(self.functions))
        terms = library.on(space)
        if terms.value_shape:
            raise InputError("VectorFields needs a library of scalar terms; its fields point along each coordinate")
        return TermFields(space, _elementary(columns, space.size, terms.size), terms.monomials(), terms)


@dataclass(frozen=True)
class Scalings:
    """Scalings with unknown weights: x_k d/dx_k for each variable (or component), and t d/dt.

    The weights of what is found are read off as whole numbers: `Symmetries.weights`.

    Parameters
    ----------
    components: whether the components of a vector have weights of their own.
    time: whether the time may scale.

    Examples
    --------
    >>> import symdyn as sd
    >>> found = sd.find_symmetries({"x": "v", "v": "-x^2"}, candidates=sd.Scalings())
    >>> found.weights
    ({'x': 2, 'v': 3, 't': -1},)
    """

    components: bool = False
    time: bool = True

    def on(self, space: StateSpace) -> TermFields:
        """The scalings of the variables of a space."""
        N = space.size
        groups = [[k] for k in range(N)]
        if not self.components:
            groups = [list(range(N)[space.slice(name)]) for name in space.names]
        matrix = np.zeros((len(groups), N, N))
        for row, group in enumerate(groups):
            matrix[row, group, group] = 1.0
        return TermFields(space, sparse.csr_matrix(matrix.reshape(len(groups), -1)), np.eye(N, dtype=int))


def _elementary(columns: np.ndarray, N: int, p: int):
    """The unit candidates psi_p d/dx_k for the given k: shape (g, N p)."""
    places = (columns[:, None] * p + np.arange(p)).ravel()
    return sparse.csr_matrix((np.ones(len(places)), (np.arange(len(places)), places)), shape=(len(places), N * p))
