"""A network as the right-hand side of a law: a model like those that `identify` finds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import AbstractRepresentation, Action
from symdyn.model.model import AbstractModel
from symdyn.neural.carriers import Rates, carriers
from symdyn.neural.epnn import EPNN
from symdyn.neural.mlp import EquivariantMLP, PlainMLP


class NeuralLaw(AbstractModel):
    r"""dx/dt = f(x) with a network f: it simulates, is scored, and is asked for symmetries as any other model.

    Made by `NeuralLaw.of`, or from a network of one's own. The network sees x / scale and its values are multiplied by
    `rate_scale`.

    Attributes
    ----------
    network: a function of one state (n,) with values (d,), the rates of the targets.
    space, targets, kinematics, time_unit, inputs, clock, discrete: as of every model.
    scale: Frozen (n,), the size of each component.
    rate_scale: Frozen (d,), the size of each rate.
    recipe: how `of` made the network, for files and new seeds; None for a network of one's own.

    Examples
    --------
    >>> import jax, numpy as np, symdyn as sd
    >>> space = sd.StateSpace.of(position=3, velocity=3)
    >>> turn = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
    >>> law = sd.NeuralLaw.of(space, turn, (4,), kinematics={"position": "velocity"}, key=jax.random.key(0))
    >>> law.targets
    ('velocity',)
    >>> run = sd.simulate(law, np.array([1.0, 0, 0, 0, 1, 0]), np.linspace(0, 1, 5), rtol=1e-6)
    >>> dict(run.sizes)
    {'time': 5, 'component': 3}
    """

    network: Callable
    space: StateSpace = eqx.field(static=True)
    targets: tuple[str, ...] = eqx.field(static=True)
    kinematics: tuple[tuple[str, str], ...] = eqx.field(static=True, default=())
    time_unit: str = eqx.field(static=True, default="")
    inputs: tuple[str, ...] = eqx.field(static=True, default=())
    clock: str = eqx.field(static=True, default="")
    discrete: bool = eqx.field(static=True, default=False)
    scale: Frozen | None = eqx.field(static=True, default=None)
    rate_scale: Frozen | None = eqx.field(static=True, default=None)
    recipe: Any = eqx.field(static=True, default=None)

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        x = jnp.asarray(x)
        if self.scale is not None:
            x = x / self.scale.array.astype(x.dtype)
        y = self.network(x)
        return y if self.rate_scale is None else y * self.rate_scale.array.astype(y.dtype)

    @staticmethod
    def of(
        space: StateSpace,
        action: Action | None = None,
        widths: Sequence[int | AbstractRepresentation | tuple[AbstractRepresentation, ...]] = (16, 16),
        *,
        key,
        targets: Sequence[str] | None = None,
        kinematics: dict[str, str] | None = None,
        inputs: Sequence[str] = (),
        time_unit: str = "",
        discrete: bool = False,
        dtype=None,
        kind: Literal["equivariant", "promotable"] = "equivariant",
        **options,
    ) -> NeuralLaw:
        """A law with a network that is equivariant under `action`, or with a plain one where that is None.

        Parameters
        ----------
        space: the state.
        action: how the state transforms: `group.acting_on(...)`, sums of these.
        widths: of the hidden layers, as `EquivariantMLP` takes them; numbers of units without an action.
        targets: the variables whose rates are learned; by default all that are neither inputs nor known.
        kinematics: pairs (a, b) where the rate of a is b.
        inputs: variables that are given from outside.
        discrete: whether the network gives the next state (minus the present one is not taken).
        dtype: of the weights; by default JAX's.
        kind: "equivariant" for `EquivariantMLP`, "promotable" for `EPNN`, whose weights are free to break the symmetry;
            its widths are representations.
        options: further ones of `EquivariantMLP` (gate, products, bias), `EPNN` (kept) or `PlainMLP` (bias).

        Raises InputError where names and representations do not fit.
        """
        known = tuple((kinematics or {}).items())
        for pair in known:
            for name in pair:
                space.slice(name)
        left = tuple(n for n in space.names if n not in dict(known) and n not in inputs)
        chosen = left if targets is None else (targets,) if isinstance(targets, str) else tuple(targets)
        if kind not in ("equivariant", "promotable"):
            raise InputError(f'the kind of a network is "equivariant" or "promotable", got {kind!r}')
        if kind == "promotable":
            given = np.asarray(options.get("kept", ()), float)
            options = {
                **options,
                "kind": kind,
                "kept": tuple(map(tuple, np.atleast_2d(given).tolist())) if given.size else (),
            }
        recipe = (action, tuple(widths), None if dtype is None else np.dtype(dtype).name, tuple(options.items()))
        network = _network(space, chosen, recipe, key)
        return NeuralLaw(
            network=network, space=space, targets=chosen, kinematics=known, time_unit=time_unit, inputs=tuple(inputs),
            discrete=discrete, recipe=recipe,
        )  # fmt: skip

    @property
    def parameters(self) -> int:
        """The number of free weights."""
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(self.network, eqx.is_inexact_array)))

    def prepared(self) -> NeuralLaw:
        """The same law with the matrices of its network written out, where it knows how: for many states at once."""
        ready = getattr(self.network, "prepared", None)
        return self if ready is None else eqx.tree_at(lambda law: law.network, self, ready())

    def redrawn(self, key) -> NeuralLaw:
        """The same law with new random weights. Raises InputError for a network of one's own."""
        if self.recipe is None:
            raise InputError("new weights need a law made by NeuralLaw.of: a network of one's own has no recipe")
        network = _network(self.space, self.targets, self.recipe, key)
        return eqx.tree_at(lambda law: law.network, self, network)

    def scaled(self, states: np.ndarray, rates: np.ndarray) -> NeuralLaw:
        """The same network for states (m, n) and rates (m, d) of these sizes.

        Variables that the action mixes share one size; the origin stays. So the law stays equivariant.
        """
        groups = mixed(self.space, None if self.recipe is None else self.recipe[0])
        scale, rate_scale = np.ones(self.space.size), np.ones(self.space.select(self.targets).size)
        target_space = self.space.select(self.targets)
        for names in groups:
            here = self.space.indices(names)
            scale[here] = _size(states[:, here])
            given = tuple(n for n in names if n in self.targets)
            if given:
                there = target_space.indices(given)
                rate_scale[there] = _size(rates[:, there])
        return with_scales(self, Frozen(scale), Frozen(rate_scale))

    def score(self, data, *, rtol: float = 1e-6, **reading):
        """How well the law does on (held-out) data, over (trajectory, variable): an xarray.Dataset.

        Each trajectory is simulated from its first state: `r2` and `relative_error` of the states, and `rate_r2` over
        (trajectory, target) where the data give rates.

        Parameters
        ----------
        data: as `sd.train` takes them.
        rtol: of the integration.
        reading: how data are read (variables, time, ...).

        Raises InputError for data that do not fit the law.
        """
        from symdyn.neural.training.result import scored

        return scored(self, data, rtol, reading)

    def save(self, path) -> None:
        """Write the law to one file, without code: see `sd.load_law`."""
        from symdyn.neural.files import write_law

        write_law(self, path)


def with_scales(law: NeuralLaw, scale: Frozen | None, rate_scale: Frozen | None) -> NeuralLaw:
    """The same network in other units."""
    return replace(law, scale=scale, rate_scale=rate_scale)


def _network(space: StateSpace, targets: tuple[str, ...], recipe, key):
    action, widths, dtype, options = recipe
    options = dict(options)
    dtype = None if dtype is None else np.dtype(dtype)
    if options.pop("kind", "equivariant") == "promotable":
        bad = [w for w in widths if isinstance(w, int)]
        if action is None or bad:
            raise InputError(f"a promotable network needs an action, and representations as widths, got {widths!r}")
        return EPNN(action, space, Rates(targets), widths, key=key, dtype=dtype, **options)
    if action is None:
        bad = [w for w in widths if not isinstance(w, int)]
        if bad:
            raise InputError(f"without an action the widths are numbers of units, got {bad[0]!r}")
        return PlainMLP(space.size, space.select(targets).size, widths, key=key, dtype=dtype, **options)
    return EquivariantMLP(action, space, Rates(targets), widths, key=key, dtype=dtype, **options)


def _size(values: np.ndarray) -> float:
    size = float(np.sqrt(np.mean(values**2))) if values.size else 1.0
    return size if np.isfinite(size) and size > 0 else 1.0


def mixed(space: StateSpace, action: Action | None) -> list[tuple[str, ...]]:
    """Variables that some generator or element moves into one another, or shifts together."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    if action is None:
        return [(name,) for name in space.names]
    (carrier,) = carriers(action, (space,))
    A, E = carrier.matrices()
    linked = np.abs(A).sum(0) + np.abs(E).sum(0)
    if carrier.shifts is not None:
        moved = np.abs(carrier.shifts.array)
        linked = linked + moved.T @ moved
    names = list(space.names)
    table = np.array([[linked[space.slice(a), space.slice(b)].max() > 1e-12 for b in names] for a in names])
    _, member = connected_components(csr_matrix(table), directed=False)
    return [tuple(n for n, m in zip(names, member, strict=True) if m == c) for c in np.unique(member)]
