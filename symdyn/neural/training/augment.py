"""Moved copies of the data: the baseline to which networks that know a symmetry are compared."""

from __future__ import annotations

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from symdyn._errors import InputError
from symdyn.groups import Action
from symdyn.neural.carriers import Carrier, Rates, carriers
from symdyn.neural.law import NeuralLaw
from symdyn.neural.training.matching import AbstractMatching, RateMatching
from symdyn.neural.training.result import recorded


@dataclass(frozen=True)
class Augmentation:
    """Each row of a batch moved by an element of a group, drawn anew at each step, for `sd.train(augment=...)`.

    The elements are drawn once, exp(sum_i c_i xi_i) with normal c_i of standard deviation `size`, times a discrete
    element or not; the identity is the first of them. A fixed set of about r / r_inv elements already has nearly the
    statistical gain of all (r functions of which r_inv are invariant); exact symmetry no finite set gives.

    Parameters
    ----------
    action: the symmetry, by matrices and shifts.
    elements: how many elements.
    size: of the coefficients: pi covers rotations; take less for groups that are not compact.
    seed: of the draw.

    Raises InputError for numbers that are not positive; at training where rows cannot be moved one by one.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Augmentation(sd.SO(2).acting_on(x=sd.Vector), elements=16)
    Augmentation(action=SO(2) on x=Vector, elements=16, size=3.141592653589793, seed=0)
    """

    action: Action
    elements: int = 64
    size: float = np.pi
    seed: int = 0

    def __post_init__(self):
        if self.elements < 1 or not self.size > 0:
            raise InputError(f"elements and size must be positive, got {self.elements!r} and {self.size!r}")

    def on(self, law: NeuralLaw) -> _Moves:
        """A function of a batch (a dict of arrays) and a key, for the rows of this law."""
        if law.discrete:
            raise InputError("augmentation moves rates or states of a flow; this law is a map to the next sample")
        source, target = carriers(self.action, (law.space, Rates(law.targets)))
        g, e = len(source.blocks[0].generators), len(source.blocks[0].elements)
        rng = np.random.default_rng(self.seed)
        c = self.size * rng.normal(size=(self.elements, g))
        turn = rng.integers(-1, e, self.elements)
        c[0], turn[0] = 0.0, -1
        return _Moves(_elements(source, c, turn), _elements(target, c, turn))


def loss_by_element(law: NeuralLaw, data, moves: Augmentation, *, match: AbstractMatching | None = None, **reading):
    """The loss of a law on data moved by each element of a group: equal numbers say that it knows the symmetry.

    Parameters
    ----------
    law: the network.
    data: as `sd.train` takes them.
    moves: the elements, of which the first is the identity.
    match: what is compared, as for `sd.train`; rates by default.
    reading: how data are read (variables, time, ...).

    Returns a DataArray over "element". The loss of an equivariant law is the same for all elements that are orthogonal
    in the units of the data, however large it is. Raises InputError as `sd.train` does.

    Reference: Bergman 2019, arXiv 1811.07051 (accuracies on inputs and on their images, as an audit of a model).

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> t = np.linspace(0, 6, 61)
    >>> data = sd.dataset(t, x=np.stack([np.cos(t), -np.sin(t)], 1))
    >>> turn = sd.SO(2).acting_on(x=sd.Vector)
    >>> law = sd.NeuralLaw.of(sd.StateSpace.of(x=2), turn, (4,), key=jax.random.key(0))
    >>> losses = sd.loss_by_element(law, data, sd.Augmentation(turn, elements=8)).values
    >>> bool(np.ptp(losses) < 1e-4 * losses[0])
    True
    """
    import xarray as xr

    match = match or RateMatching()
    rows = match.rows(recorded(law, data, dict(reading)), law)
    if match.free(rows):
        raise InputError('rows with starts of their own cannot be moved: match with starts="measured"')
    dtype = jnp.result_type(*jax.tree.leaves(eqx.filter(law.network, eqx.is_inexact_array)))
    rows = {n: jnp.asarray(v, dtype if v.dtype.kind == "f" else None) for n, v in rows.items()}
    bound, ready, many = moves.on(law), law.prepared(), len(rows["states"])

    def loss(k):
        return match.loss(ready, bound.moved(rows, jnp.full(many, k)), {})

    found = jax.jit(lambda: jax.lax.map(loss, jnp.arange(moves.elements)))()
    return xr.DataArray(np.asarray(found, float), dims="element", name="loss")


@dataclass(frozen=True, eq=False)
class _Moves:
    """Matrices on [x, 1] and on [rates, 1], one pair for each element."""

    states: np.ndarray
    rates: np.ndarray

    def __call__(self, batch, key):
        return self.moved(batch, jax.random.randint(key, (len(batch["states"]),), 0, len(self.states)))

    def moved(self, batch, k):
        """Each row by the element whose number stands in k (m,)."""
        found = {**batch, "states": _moved(self.states, k, batch["states"])}
        return {**found, "rates": _moved(self.rates, k, batch["rates"])} if "rates" in batch else found


def _moved(matrices: np.ndarray, k, x):
    """Rows (m, n) or (m, L, n), each by its own matrix."""
    G = jnp.asarray(matrices, x.dtype)[k][:, :-1]
    rows = x.reshape(len(x), -1, x.shape[-1])
    return (jnp.einsum("mij,mlj->mli", G[..., :-1], rows) + G[:, None, :, -1]).reshape(x.shape)


def _elements(carrier: Carrier, c: np.ndarray, turn: np.ndarray) -> np.ndarray:
    A, E = carrier.augmented().matrices()
    out = np.stack([scipy.linalg.expm(np.tensordot(row, A, 1)) for row in c])
    return np.stack([M if k < 0 else M @ E[k] for M, k in zip(out, turn, strict=True)])
