"""Symplectic steps for `simulate`: what diffrax does not have, as diffrax solvers."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from symdyn._errors import InputError
from symdyn._types import double_precision
from symdyn.model.model import AbstractModel

ORDERS = (2, 4)


@dataclass(frozen=True)
class Symplectic:
    r"""Steps that keep the symplectic form: energy errors stay bounded over many periods, for `simulate(method=...)`.

    Where the rates of the coordinates do not depend on the coordinates, and those of the momenta not on the momenta,
    the explicit Stoermer-Verlet step (leapfrog: half a kick, a drift, half a kick); else the implicit midpoint rule.
    Order 4 is the composition of three steps of either. The length of steps is fixed: `simulate(..., step=...)`.

    The implicit midpoint rule also conserves quadratic invariants, such as angular momenta.

    Parameters
    ----------
    order: 2 or 4.
    pairs: coordinates and momenta (or velocities), `{"q": "p"}`; by default those of the law: its kinematics, or the
        pairs of a Hamiltonian network.

    Raises InputError for another order; at simulation for laws without pairs, and without a step.

    References: Hairer, Lubich, Wanner 2006, Geometric Numerical Integration, chapters II.4, VI; Yoshida 1990, Phys.
    Lett. A 150, 262.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> data = sd.open_dataset("kepler", times=np.linspace(0, 10, 500))
    >>> law = sd.identify(data, library=sd.Radial("position", powers=(-3, 0)))
    >>> times = np.linspace(0, 100, 11)
    >>> run = sd.simulate(law.model, data.isel(time=0), times, method=sd.Symplectic(4), step=0.02)
    >>> distance = np.sqrt((run.position**2).sum("component"))
    >>> energy = (run.velocity**2).sum("component") / 2 - 1 / distance
    >>> bool(abs(energy - energy[0]).max() < 1e-4)
    True
    """

    order: int = 2
    pairs: Any = None

    def __post_init__(self):
        if self.order not in ORDERS:
            raise InputError(f"the order of a symplectic method is one of {ORDERS}, got {self.order!r}")
        if isinstance(self.pairs, Mapping):
            object.__setattr__(self, "pairs", tuple(self.pairs.items()))

    def solver(self, model: AbstractModel, starts: np.ndarray, path: Any = None) -> Any:
        """A diffrax solver for a law that is started from states (runs, n). Raises InputError where it does not fit."""
        pairs = self.pairs or model.kinematics or getattr(getattr(model, "network", None), "pairs", ())
        named = [name for pair in pairs for name in pair]
        left = [n for n in model.space.names if n not in named and n not in model.inputs]
        if not pairs or left or len(set(named)) != len(named):
            raise InputError(
                f"symplectic steps need pairs of coordinates and momenta of {', '.join(model.space.names)}, got "
                f"{dict(pairs)!r}: Symplectic(pairs={{'q': 'p'}})"
            )
        q, p = (model.space.indices(tuple(pair[k] for pair in pairs)) for k in (0, 1))
        if _separable(model, np.asarray(starts), q, p, path):
            places = {"q": tuple(q.tolist()), "p": tuple(p.tolist()), "size": model.space.size}
            return _solvers()[0](**places, way=self.order)
        return _solvers()[1](way=self.order)


def _separable(model: AbstractModel, starts: np.ndarray, q: np.ndarray, p: np.ndarray, path: Any) -> bool:
    """Whether dq/dt is a function of momenta alone and dp/dt of coordinates alone, at states near the starts."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    near = starts[rng.integers(0, len(starts), 8)]
    size = np.abs(starts).max(axis=0)
    near = near + 0.1 * rng.normal(size=near.shape) * np.where(size > 0, size, size.max(initial=0.0) or 1.0)
    with double_precision():

        @eqx.filter_jit
        def slopes(model, x):
            return jax.vmap(jax.jacfwd(lambda y: model(0.0, y, None)))(x)

        J = np.abs(np.asarray(slopes(model, jnp.asarray(near))))
    own = max(J[:, q[:, None], q].max(initial=0.0), J[:, p[:, None], p].max(initial=0.0))
    return bool(np.isfinite(J).all() and own <= 1e-12 * J.max(initial=0.0))


def _weights(order: int) -> tuple[float, ...]:
    """Lengths of the steps of order 2 that make one of the order."""
    if order == 2:
        return (1.0,)
    outer = 1 / (2 - 2 ** (1 / 3))
    return (outer, 1 - 2 * outer, outer)


@cache
def _solvers() -> tuple[type, type]:
    """The classes, made when they are used: an import of symdyn brings no diffrax."""
    import diffrax
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optimistix

    class Steps(diffrax.AbstractSolver):
        way: eqx.AbstractVar[int]

        term_structure = diffrax.AbstractTerm
        interpolation_cls = diffrax.LocalLinearInterpolation

        def init(self, terms, t0, t1, y0, args):
            return None

        def func(self, terms, t0, y0, args):
            return terms.vf(t0, y0, args)

        def strong_order(self, terms):
            return None

        def error_order(self, terms):
            return None

        def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
            y1, good = self.composed(terms, t0, t1 - t0, y0, args)
            results: Any = diffrax.RESULTS
            result = results.where(good, results.successful, results.nonlinear_divergence)
            return y1, None, {"y0": y0, "y1": y1}, None, result

        @abc.abstractmethod
        def composed(self, terms, t0, h, y, args) -> Any:
            """The state after a step of length h, and whether it was found."""

        def order(self, terms):
            return self.way

    class Leapfrog(Steps):
        q: tuple[int, ...] = eqx.field(static=True)
        p: tuple[int, ...] = eqx.field(static=True)
        size: int = eqx.field(static=True)
        way: int = eqx.field(static=True)

        def composed(self, terms, t0, h, y, args):
            """Kicks and drifts in turn: one evaluation each, in one loop, which compiles once."""
            lengths, moments, last = [], [], 0.0
            for weight in _weights(self.way):
                for share, places, at in ((0.5, self.p, 0.0), (1.0, self.q, 0.5), (0.5, self.p, 1.0)):
                    row = np.zeros(self.size)
                    row[list(places)] = share * weight
                    lengths.append(row)
                    moments.append(last + at * weight)
                last += weight

            def stage(y, each):
                length, moment = each
                return y + h * length * terms.vf(t0 + h * moment, y, args), None

            stages = jnp.asarray(np.array(lengths), y.dtype), jnp.asarray(np.array(moments), y.dtype)
            return jax.lax.scan(stage, y, stages)[0], jnp.asarray(True)

    class ImplicitMidpoint(Steps):
        way: int = eqx.field(static=True)

        def composed(self, terms, t0, h, y, args):
            shares = jnp.asarray(_weights(self.way), y.dtype)
            before = jnp.cumsum(shares) - shares

            def stage(y, each):
                share, moment = h * each[0], t0 + h * (each[1] + 0.5 * each[0])

                def left(slope, _):
                    return slope - terms.vf(moment, y + 0.5 * share * slope, args)

                found = optimistix.root_find(
                    left, optimistix.Newton(rtol=1e-10, atol=1e-13), jnp.zeros_like(y), throw=False, max_steps=50
                )
                good = (found.result == optimistix.RESULTS.successful) & jnp.all(jnp.isfinite(found.value))
                return y + share * found.value, good

            y, good = jax.lax.scan(stage, y, (shares, before))
            return y, jnp.all(good)

    return Leapfrog, ImplicitMidpoint
