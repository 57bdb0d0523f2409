"""A network as the right-hand side of a law: a model like those that `identify` finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

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
from symdyn.neural.known import Known
from symdyn.neural.mlp import EquivariantMLP, PlainMLP
from symdyn.neural.structured import STRUCTURES, LagrangianNetwork, structured
from symdyn.neural.structured.build import shared_units

KINDS = ("equivariant", "promotable", *STRUCTURES)


class NeuralLaw(AbstractModel):
    r"""dx/dt = f(x) with a network f: it simulates, is scored, and is asked for symmetries as any other model.

    Made by `NeuralLaw.of`, or from a network of one's own. The network sees x / scale and its values are multiplied by
    `rate_scale`. With a `known` part (`sd.hybrid`) it is what the network adds to that.

    Attributes
    ----------
    network: a function of one state (n,) with values (d,), the rates of the targets (of `corrects` alone, where that
        is given).
    space, targets, kinematics, time_unit, inputs, clock, discrete: as of every model.
    scale: Frozen (n,), the size of each component.
    rate_scale: Frozen (d,), the size of each rate.
    recipe: how `of` made the network, for files and new seeds; None for a network of one's own.
    known: the part of the rates that is no network, which training leaves alone; None where all is network.
    corrects: of a law with a known part, the targets that the network adds to.

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
    known: Known | None = eqx.field(static=True, default=None)
    corrects: tuple[str, ...] = eqx.field(static=True, default=())

    def rate(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, " d"]:
        """Time derivative of the target variables at one state: x of shape (n,) -> (d,)."""
        x = jnp.asarray(x)
        z = x if self.scale is None else x / self.scale.array.astype(x.dtype)
        y, places = self.network(z), None
        if self.corrects:
            places = self.space.select(self.targets).indices(self.corrects)
        if self.rate_scale is not None:
            size = self.rate_scale.array if places is None else self.rate_scale.array[places]
            y = y * size.astype(y.dtype)
        if places is not None:
            y = jnp.zeros(self.space.select(self.targets).size, y.dtype).at[places].set(y)
        return y if self.known is None else self.known.rate(x) + y

    def energy(self, x: Float[Array | np.ndarray, " n"]) -> Float[Array, ""]:
        """The energy that a law with a structure conserves or dissipates, at one state x (n,): a number.

        Of a Hamiltonian law it is H itself, in units of the data, with dq/dt = dH/dp; of a Lagrangian or a gradient law
        it is known up to a factor. Raises InputError for laws without an energy.
        """
        found = getattr(self.network, "energy", None)
        if found is None or self.known is not None:
            raise InputError(f"only laws of the kinds {', '.join(STRUCTURES)} have an energy")
        x = jnp.asarray(x)
        if self.scale is None or self.rate_scale is None:
            return found(x)
        unit, pairs = 1.0, getattr(self.network, "pairs", ())
        if pairs:  # s_q s_p is one action for all pairs, and s / rate_scale one time
            q, p = (self.space.indices((name,))[0] for name in pairs[0])
            row = self.space.select(self.targets).indices((pairs[0][0],))[0]
            unit = self.scale.array[p] * self.rate_scale.array[row]
            assert np.isclose(unit, self.scale.array[q] * self.rate_scale.array[self._row(pairs[0][1])])
        return unit * found(x / self.scale.array.astype(x.dtype))

    def _row(self, name: str) -> int:
        return int(self.space.select(self.targets).indices((name,))[0])

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
        kind: str = "equivariant",
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
        kind: "equivariant" for `EquivariantMLP`, "promotable" for `EPNN`, whose weights are free to break the symmetry
            (its widths are representations); or a structure, with an energy that is a network, invariant under the
            action, so that the flow keeps the symmetry, and what the symmetry conserves:
            "hamiltonian": dq/dt = dH/dp, dp/dt = -dH/dq, with `pairs={"q": "p"}` and `separable=True` for T(p) + V(q);
            "dissipative": dp/dt = -dH/dq - R dH/dp with friction R >= 0 that is a network (`rank` of what it has beyond
            a diagonal, 1); "port_hamiltonian": with a force linear in `inputs` besides;
            "gradient": dx/dt = -dV/dx; "lagrangian": accelerations, with positions and velocities by `kinematics`.
        options: further ones of `EquivariantMLP` (gate, products, bias), `EPNN` (kept), `PlainMLP` (bias) or of a
            structure (`pairs`, `separable`, `rank`, `promotable=True` for an energy that is an `EPNN`).

        Raises InputError where names and representations do not fit, and where the action does not keep the structure.
        """
        known = tuple((kinematics or {}).items())
        for pair in known:
            for name in pair:
                space.slice(name)
        left = tuple(n for n in space.names if n not in dict(known) and n not in inputs)
        chosen = left if targets is None else (targets,) if isinstance(targets, str) else tuple(targets)
        options = _plain_options(kind, options, known, inputs, discrete)
        recipe = (action, tuple(widths), None if dtype is None else np.dtype(dtype).name, tuple(options.items()))
        network = _network(space, chosen, recipe, key, known, inputs)
        return NeuralLaw(
            network=network, space=space, targets=chosen, kinematics=known, time_unit=time_unit, inputs=tuple(inputs),
            discrete=discrete, recipe=recipe,
        )  # fmt: skip

    @property
    def remainder(self) -> NeuralLaw:
        """What the network adds to the known part, as a law of the same state; without such a part the law itself."""
        return self if self.known is None else replace(self, known=None)

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
        network = _network(self.space, self.corrects or self.targets, self.recipe, key, self.kinematics, self.inputs)
        return eqx.tree_at(lambda law: law.network, self, network)

    def scaled(self, states: np.ndarray, rates: np.ndarray) -> NeuralLaw:
        """The same network for states (m, n) and rates (m, d) of these sizes.

        Variables that the action mixes share one size; the origin stays. So the law stays equivariant. Networks with a
        structure have one unit of time, which keeps it.
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
        if hasattr(self.network, "pairs") or isinstance(self.network, LagrangianNetwork):
            own = self.corrects or self.targets
            rows = target_space.indices(own)
            scale, rate_scale[rows] = shared_units(self.network, self.space, own, scale, rate_scale[rows], groups)
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


def _plain_options(kind: str, options: dict[str, Any], kinematics, inputs, discrete: bool) -> dict[str, Any]:
    """Options as they are kept in a recipe: plain tuples, and the kind where it is not the default."""
    if kind not in KINDS:
        raise InputError(f"the kind of a network is one of {', '.join(map(repr, KINDS))}, got {kind!r}")
    if kind in STRUCTURES and discrete:
        raise InputError(f"a {kind} network gives rates; a map to the next sample has no energy")
    out = dict(options)
    if "kept" in out or kind == "promotable":
        given = np.asarray(out.get("kept", ()), float)
        out["kept"] = tuple(map(tuple, np.atleast_2d(given).tolist())) if given.size else ()
    if kind != "equivariant":
        out["kind"] = kind
    if "pairs" in out:
        pairs = out["pairs"].items() if isinstance(out["pairs"], Mapping) else out["pairs"]
        out["pairs"] = tuple(tuple(pair) for pair in pairs)
    return out


def _network(space: StateSpace, targets: tuple[str, ...], recipe, key, kinematics=(), inputs=()):
    action, widths, dtype, options = recipe
    options = dict(options)
    dtype = None if dtype is None else np.dtype(dtype)
    kind = options.pop("kind", "equivariant")
    if kind in STRUCTURES:
        return structured(
            kind, space, targets, action, widths, key=key, dtype=dtype, kinematics=tuple(kinematics),
            inputs=tuple(inputs), **options,
        )  # fmt: skip
    if kind == "promotable":
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
