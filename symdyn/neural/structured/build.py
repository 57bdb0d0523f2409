"""Networks with a structure from a state, an action and names, and the checks that they fit together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action
from symdyn.neural.carriers import Carrier
from symdyn.neural.linear import EquivariantLinear
from symdyn.neural.mlp import EquivariantMLP, PlainMLP
from symdyn.neural.structured.energy import Energy, part_of, rate_matrices, scalar_network, state_matrices
from symdyn.neural.structured.flow import EnergyNetwork, Friction
from symdyn.neural.structured.lagrangian import LagrangianNetwork

STRUCTURES = ("hamiltonian", "dissipative", "port_hamiltonian", "gradient", "lagrangian")
NEAR = 1e-9  # entries of conditions on matrices below this are rounding


def structured(
    kind: str, space: StateSpace, targets: tuple[str, ...], action: Action | None, widths, *, key, dtype=None,
    pairs: Any = (), separable: bool = False, rank: int = 1, inputs: tuple[str, ...] = (),
    kinematics: tuple[tuple[str, str], ...] = (), **options,
) -> EnergyNetwork | LagrangianNetwork:  # fmt: skip
    """A network of one of `STRUCTURES`; see `NeuralLaw.of`.

    Raises InputError for pairs that do not fit the state, and for an action that does not keep the structure.
    """
    made = {"key": key, "dtype": dtype, **options}
    if kind == "lagrangian":
        if separable or pairs:
            raise InputError("a Lagrangian has positions and velocities (kinematics); pairs and separable are for H")
        return _lagrangian(space, targets, kinematics, action, widths, made)
    _covered(space, targets, inputs, kinematics, kind)
    if kind == "gradient":
        if separable or pairs:
            raise InputError("a gradient flow has no pairs of coordinates and momenta")
        K = -np.eye(space.size)[space.indices(targets)]
        _keeps(action, space, targets, K, "a gradient flow needs orthogonal matrices")
        energy = _energy(space, (targets,), action, widths, made)
        return EnergyNetwork(energy, None, None, Frozen(K), Frozen(np.zeros((2, 0), int)), Frozen(np.zeros(0, int)))
    named = _pairs(space, targets, pairs)
    K = _canonical(space, targets, named)
    _keeps(action, space, targets, K, "a Hamiltonian flow needs canonical matrices, A J + J A' = 0")
    groups = (tuple(a for a, _ in named), tuple(b for _, b in named)) if separable else (targets,)
    energy = _energy(space, groups, action, widths, made)
    momenta = tuple(b for _, b in named)
    at = np.stack([space.indices(momenta), space.select(targets).indices(momenta)])
    friction = port = None
    if kind != "hamiltonian":
        friction = _friction(space, targets, momenta, action, widths, rank, made)
    if kind == "port_hamiltonian":
        port = _port(space, inputs, momenta, action, made)
    return EnergyNetwork(
        energy, friction, port, Frozen(K), Frozen(at), Frozen(space.indices(tuple(inputs))), named, separable
    )


def _covered(space: StateSpace, targets, inputs, kinematics, kind: str) -> None:
    if kinematics:
        raise InputError(f"the {kind} network gives all rates: leave kinematics out, got {dict(kinematics)!r}")
    left = [n for n in space.names if n not in targets and n not in inputs]
    if left:
        raise InputError(f"the energy of a {kind} network is one of the whole state: targets lack {', '.join(left)}")
    if inputs and kind != "port_hamiltonian":
        raise InputError(f'inputs {", ".join(inputs)} need kind="port_hamiltonian", got kind={kind!r}')
    if kind == "port_hamiltonian" and not inputs:
        raise InputError('a port-Hamiltonian network has inputs; without them take kind="dissipative"')


def _pairs(space: StateSpace, targets, pairs) -> tuple[tuple[str, str], ...]:
    """Pairs of a coordinate and its momentum. Raises InputError where they do not cover the targets once."""
    named = tuple(tuple(p) for p in (pairs.items() if isinstance(pairs, Mapping) else pairs))
    used = [name for pair in named for name in pair]
    if sorted(used) != sorted(targets):
        raise InputError(
            f'pairs of coordinates and momenta, such as {{"q": "p"}}, must name each of {", ".join(targets)} once, '
            f"got {dict(named)!r}"
        )
    for a, b in named:
        if space[a].size != space[b].size:
            raise InputError(f"{a!r} has {space[a].size} components and its momentum {b!r} has {space[b].size}")
    return named


def _canonical(space: StateSpace, targets, named) -> np.ndarray:
    K, rows = np.zeros((space.select(targets).size, space.size)), space.select(targets)
    for a, b in named:
        K[rows.indices((a,)), space.indices((b,))] = 1.0
        K[rows.indices((b,)), space.indices((a,))] = -1.0
    return K


def _keeps(action: Action | None, space: StateSpace, targets, K: np.ndarray, why: str) -> None:
    """Raise InputError where K dE/dz of an invariant E would not be equivariant: B K + K A' = 0 and F K E' = K."""
    if action is None:
        return
    (A, E, _), (B, F) = state_matrices(action, space), rate_matrices(action, space, targets)
    wrong = [float(np.abs(b @ K + K @ a.T).max()) for a, b in zip(A, B, strict=True)]
    wrong += [float(np.abs(f @ K @ e.T - K).max()) for e, f in zip(E, F, strict=True)]
    if max(wrong, default=0.0) > NEAR:
        raise InputError(f"{action!r} does not keep the structure (off by {max(wrong):.2g}): {why}")


def _energy(space: StateSpace, groups, action: Action | None, widths, made: dict) -> Energy:
    """One network for each group of variables."""
    options, key = {k: v for k, v in made.items() if k != "key"}, made["key"]
    if action is not None and len(groups) > 1:
        A, E, _ = state_matrices(action, space)
        one, two = (space.indices(g) for g in groups)
        if max((float(np.abs(x[:, one[:, None], two]).max(initial=0.0)) for x in (A, E)), default=0.0) > NEAR:
            raise InputError(f"{action!r} mixes coordinates and momenta: an energy in two parts cannot be invariant")
    keys = jax.random.split(key, len(groups))
    parts = tuple(scalar_network(action, space, g, widths, key=k, **options) for g, k in zip(groups, keys, strict=True))
    return Energy(parts, tuple(Frozen(space.indices(g)) for g in groups))


def _friction(space: StateSpace, targets, momenta, action: Action | None, widths, rank: int, made: dict) -> Friction:
    if rank < 0:
        raise InputError(f"the rank of the friction beyond its diagonal is 0, 1, ..., got {rank!r}")
    key = jax.random.fold_in(made["key"], 1)
    options = {k: v for k, v in made.items() if k not in ("key", "promotable")}
    k, places = len(space.indices(momenta)), Frozen(space.indices(targets))
    if action is None:
        network = PlainMLP(len(places.array), k + rank * k, widths, key=key, **options)
        return Friction(network, Frozen(np.eye(k)), places)
    (A, E, _), (B, F) = state_matrices(action, space), rate_matrices(action, space, targets)
    here, there = space.indices(momenta), space.select(targets).indices(momenta)
    A, E, B, F = (x[:, i[:, None], i] for x, i in ((A, here), (E, here), (B, there), (F, there)))
    off = [
        np.abs(A - B).max(initial=0.0),
        np.abs(E - F).max(initial=0.0),
        np.abs(A + np.swapaxes(A, 1, 2)).max(initial=0),
    ]
    off.append(np.abs(E @ np.swapaxes(E, 1, 2) - np.eye(k)).max(initial=0.0))
    if max(map(float, off)) > NEAR:
        raise InputError(f"{action!r} does not fit friction: it needs orthogonal matrices, without time reversal")
    block = Carrier.of_matrices(A, E)
    groups = [place for each in block.places for place in each.array]
    spread = np.zeros((k, len(groups)))
    for j, place in enumerate(groups):
        spread[place, j] = 1.0
    c, n = len(groups), len(groups) + rank * k
    generators, elements = np.zeros((len(A), n, n)), np.zeros((len(E), n, n))
    elements[:, range(c), range(c)] = 1.0
    for j in range(rank):
        part = slice(c + j * k, c + (j + 1) * k)
        generators[:, part, part], elements[:, part, part] = A, E
    target = Carrier.of_matrices(generators, elements)
    source = part_of(action, space, targets)
    network = EquivariantMLP(action, source, target, widths, key=key, space=space, **options)
    return Friction(network, Frozen(spread), places)


def _port(space: StateSpace, inputs, momenta, action: Action | None, made: dict):
    """A linear map from inputs to forces on the momenta."""
    key, dtype = jax.random.fold_in(made["key"], 2), made.get("dtype")
    if action is None:
        return PlainMLP(
            space.select(tuple(inputs)).size, len(space.indices(momenta)), (), key=key, bias=False, dtype=dtype
        )
    target = Carrier.of_matrices(*rate_matrices(action, space, tuple(momenta)))
    return EquivariantLinear(None, part_of(action, space, inputs), target, key=key, bias=False, dtype=dtype)


def _lagrangian(space: StateSpace, targets, kinematics, action: Action | None, widths, made: dict):
    places, speeds = tuple(a for a, _ in kinematics), tuple(b for _, b in kinematics)
    if not kinematics or sorted(speeds) != sorted(targets) or sorted((*places, *speeds)) != sorted(space.names):
        raise InputError(
            'a Lagrangian network needs a state of positions and velocities, kinematics={"position": "velocity"}, and '
            f"the rates of the velocities as targets; got the state {', '.join(space.names)}, {dict(kinematics)!r}"
        )
    owner = {b: a for a, b in kinematics}
    v = space.indices(targets)
    q = space.indices(tuple(owner[n] for n in targets))
    if action is not None:
        (A, E, a), (B, F) = state_matrices(action, space), rate_matrices(action, space, targets)
        part = lambda x, i: x[:, i[:, None], i]  # noqa: E731
        other = np.abs(np.concatenate([x[:, i[:, None], j] for x in (A, E) for i, j in ((q, v), (v, q))]))
        off = [part(A, q) - part(A, v), part(A, q) - B, np.abs(part(E, q)) - np.abs(part(E, v)), part(E, q) - F,
               part(A, q) + np.swapaxes(part(A, q), 1, 2), a[:, v], other]  # fmt: skip
        if max(float(np.abs(x).max(initial=0.0)) for x in off) > NEAR:
            raise InputError(
                f"{action!r} does not keep a Lagrangian: it needs orthogonal matrices, the same on positions and "
                "velocities, with shifts of positions alone"
            )
    energy = _energy(space, (space.names,), action, widths, made)
    return LagrangianNetwork(energy, Frozen(q), Frozen(v))


def shared_units(network: Any, space: StateSpace, targets, sizes: np.ndarray, rates: np.ndarray, groups) -> tuple:
    """Sizes of the state (n,) and of the rates (d,) that keep the structure: one unit of time, one of action.

    `sizes` (n,) and `rates` (d,) are those of the data, equal within `groups` of names.

    With z = x / s and one unit of time T, dx/dt = s / T times the rates of the network. A Hamiltonian flow in z is one
    in x where s_q s_p is the same for all pairs; a Lagrangian one where s_v = s_q / T.
    """
    s, place = np.log(sizes), space.select(targets)
    pairs = dict(getattr(network, "pairs", ()))
    if pairs:
        product = np.mean([s[space.indices((a,))] + s[space.indices((b,))] for a, b in pairs.items()])
        for names in _joined(groups, pairs):
            left = space.indices(tuple(n for n in names if n in pairs))
            right = space.indices(tuple(pairs[n] for n in names if n in pairs))
            ratio = np.mean(s[left] - s[right]) if len(left) else 0.0
            s[left], s[right] = 0.5 * (product + ratio), 0.5 * (product - ratio)
    if isinstance(network, LagrangianNetwork):
        q, v = network.positions.array, network.velocities.array
        period = np.mean(s[q] - s[v])
        s[v] = s[q] - period
        return np.exp(s), np.exp(s[v] - period)
    here = space.indices(targets)
    period = 1 / np.sqrt(np.mean((rates / np.exp(s[here])) ** 2))
    assert place.size == len(here)
    return np.exp(s), np.exp(s[here]) / period


def _joined(groups, pairs: dict[str, str]) -> list[set[str]]:
    """Coordinates that share their units, because they or their momenta are mixed."""
    owner = {b: a for a, b in pairs.items()}
    found: list[set[str]] = [{a} for a in pairs]
    for names in groups:
        here = {owner.get(n, n) for n in names} & set(pairs)
        touched = [each for each in found if each & here]
        found = [each for each in found if not each & here] + ([set().union(*touched)] if touched else [])
    return found
