"""What a layer maps between: a space on which a group acts by matrices, split into blocks and their copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import AbstractRepresentation, Action, BoundAction, Group, Polynomial
from symdyn.groups.representations.base import AbstractSum

ZERO = 1e-12  # entries of generators below this are rounding


@dataclass(frozen=True)
class Rates:
    """The rates of some variables of a state, as what a layer or a network gives.

    `targets`: the variables; `order`: 2 for second time derivatives.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Rates("position")
    Rates(targets=('position',), order=1)
    """

    targets: tuple[str, ...]
    order: int = 1

    def __post_init__(self):
        targets = (self.targets,) if isinstance(self.targets, str) else tuple(self.targets)
        object.__setattr__(self, "targets", targets)


Quantity = AbstractRepresentation | tuple[AbstractRepresentation, ...] | StateSpace | Rates


@dataclass(frozen=True)
class Block:
    """Matrices of the generators (g, k, k) and of the discrete elements (e, k, k) on k numbers that mix."""

    generators: Frozen
    elements: Frozen

    @property
    def size(self) -> int:
        return self.generators.shape[1]

    @cached_property
    def still(self) -> bool:
        """Whether the generators do nothing."""
        return not np.any(self.generators.array)

    @cached_property
    def trivial(self) -> bool:
        """Whether the block is one invariant number."""
        return self.size == 1 and self.still and bool(np.allclose(self.elements.array, 1.0, rtol=0, atol=ZERO))

    @cached_property
    def signed(self) -> bool:
        """Whether the group permutes the numbers, perhaps with signs: odd functions may act on each."""
        E = np.abs(self.elements.array)
        ones = np.isclose(E, 1.0, rtol=0, atol=ZERO)
        return self.still and bool(np.all(ones | (E < ZERO)) and np.all(ones.sum(-1) == 1))

    @cached_property
    def permuted(self) -> bool:
        """Whether the group permutes the numbers without signs: any function may act on each."""
        return self.signed and bool(np.all(self.elements.array > -0.5))

    def times(self, other: Block) -> Block:
        """The tensor product, entries in C order."""
        a, b = self.generators.array, other.generators.array
        one, two = np.eye(self.size), np.eye(other.size)
        made = [np.kron(x, two) + np.kron(one, y) for x, y in zip(a, b, strict=True)]
        k = self.size * other.size
        elements = [np.kron(x, y) for x, y in zip(self.elements.array, other.elements.array, strict=True)]
        return Block(Frozen(np.reshape(made, (-1, k, k))), Frozen(np.reshape(elements, (-1, k, k))))


@dataclass(frozen=True)
class Carrier:
    """A space of `size` numbers: `blocks` that differ, and where the copies of each stand, (m, k) each.

    `shifts` (g, size): how the generators move the origin, None where no one does.
    """

    size: int
    blocks: tuple[Block, ...]
    places: tuple[Frozen, ...]
    shifts: Frozen | None = None

    @property
    def copies(self) -> tuple[int, ...]:
        """The number of copies of each block."""
        return tuple(len(p) for p in self.places)

    @cached_property
    def order(self) -> np.ndarray:
        """Where each number of the space stands when blocks are written one after the other, (size,)."""
        return np.argsort(np.concatenate([p.array.ravel() for p in self.places]))

    @cached_property
    def ordered(self) -> bool:
        """Whether blocks stand one after the other."""
        return bool(np.array_equal(self.order, np.arange(self.size)))

    @classmethod
    def of_matrices(cls, generators: np.ndarray, elements: np.ndarray, shifts: np.ndarray | None = None) -> Carrier:
        """From generators (g, n, n), elements (e, n, n) and shifts (g, n): numbers that never mix come apart."""
        n = generators.shape[1]
        linked = np.abs(generators).sum(0) + np.abs(elements).sum(0) > ZERO
        _, member = connected_components(csr_matrix(linked), directed=False)
        found: dict[bytes, tuple[Block, list[np.ndarray]]] = {}
        for c in dict.fromkeys(member.tolist()):
            place = np.flatnonzero(member == c)
            A, E = (x[:, place[:, None], place] for x in (generators, elements))
            key = bytes(str(len(place)), "ascii") + b"".join((np.round(x, 10) + 0.0).tobytes() for x in (A, E))
            found.setdefault(key, (Block(Frozen(A), Frozen(E)), []))[1].append(place)
        moved = shifts is not None and np.any(np.abs(shifts) > ZERO)
        return cls(
            n,
            tuple(block for block, _ in found.values()),
            tuple(Frozen(np.stack(places)) for _, places in found.values()),
            Frozen(shifts) if moved else None,
        )

    @classmethod
    def of_blocks(cls, counted: Sequence[tuple[Block, int]]) -> Carrier:
        """Copies of blocks one after the other; blocks that occur twice are joined."""
        total: dict[Block, int] = {}
        for block, m in counted:
            total[block] = total.get(block, 0) + m
        places, start = [], 0
        for block, m in total.items():
            places.append(Frozen(start + np.arange(m * block.size).reshape(m, block.size)))
            start += m * block.size
        return cls(start, tuple(total), tuple(places))

    def matrices(self) -> tuple[np.ndarray, np.ndarray]:
        """Generators (g, n, n) and elements (e, n, n) on the whole space."""
        A, E = (np.zeros((len(x), self.size, self.size)) for x in (self.blocks[0].generators, self.blocks[0].elements))
        for block, places in zip(self.blocks, self.places, strict=True):
            for place in places.array:
                A[:, place[:, None], place] = block.generators.array
                E[:, place[:, None], place] = block.elements.array
        return A, E

    def augmented(self) -> Carrier:
        """With the constant 1 as one number more, which turns shifts into matrices."""
        A, E = (np.pad(x, ((0, 0), (0, 1), (0, 1))) for x in self.matrices())
        E[:, -1, -1] = 1.0
        if self.shifts is not None:
            A[:, :-1, -1] = self.shifts.array
        return Carrier.of_matrices(A, E)


def trivial_like(carrier: Carrier) -> Block:
    """One invariant number under the same group."""
    g, e = len(carrier.blocks[0].generators), len(carrier.blocks[0].elements)
    return Block(Frozen(np.zeros((g, 1, 1))), Frozen(np.ones((e, 1, 1))))


def carriers(action: Group | Action, quantities: Sequence[Any], space: StateSpace | None = None) -> list[Carrier]:
    """Each quantity with the matrices of one and the same list of generators and elements.

    Raises InputError for quantities that do not move linearly (or by shifts), and for what does not fit the action.
    """
    asked = [q for q in quantities if not isinstance(q, Carrier)]
    if not asked:
        return list(quantities)
    atoms = list(dict.fromkeys(atom for q in asked for atom in _atoms(q)))
    if isinstance(action, Group):
        bad = [q for q in asked if not isinstance(q, AbstractRepresentation)]
        if bad:
            raise InputError(f"under the group {action.name} quantities are representations, got {bad[0]!r}")
        known = _of_group(action, atoms)
        bound = None
    elif isinstance(action, Action):
        bound, known = _of_action(action, atoms, _space(asked, space))
    else:
        raise InputError(f"a layer needs a group or group.acting_on(...), got {action!r}")
    return [q if isinstance(q, Carrier) else _carrier(q, known, bound) for q in quantities]


def _space(asked: Sequence[Quantity], space: StateSpace | None) -> StateSpace:
    found = [q for q in asked if isinstance(q, StateSpace)] + ([space] if space is not None else [])
    if not found or any(s != found[0] for s in found):
        raise InputError("under an action a layer needs one state: give space=..., or the StateSpace as its inputs")
    return found[0]


def _atoms(q: Any) -> list:
    """The representations that a direct sum is made of; with one for each part of the action, tuples of them."""
    if isinstance(q, AbstractSum):
        return [atom for part in q.parts for atom in _atoms(part)]
    if isinstance(q, tuple):
        if not q or not all(isinstance(r, AbstractRepresentation) for r in q):
            raise InputError(f"a quantity is a representation, one for each part of the action, or a state; got {q!r}")
        return [q]
    if isinstance(q, AbstractRepresentation):
        return [q]
    if isinstance(q, StateSpace | Rates):
        return []
    raise InputError(f"a quantity is a representation such as 8 * sd.Vector, a StateSpace or sd.Rates, got {q!r}")


Matrices = tuple[np.ndarray, np.ndarray, np.ndarray]  # generators, elements, shifts


def _of_group(group: Group, atoms: list) -> dict:
    n = group.algebra.n
    names = [f"quantity_{i}" for i in range(len(atoms))]
    space = StateSpace.of(**{name: atom.size(n) for name, atom in zip(names, atoms, strict=True)})
    bound = group.acting_on(dict(zip(names, atoms, strict=True))).on(space)
    whole = _state_matrices(bound)
    return {atom: _part(whole, space.slice(name)) for name, atom in zip(names, atoms, strict=True)}


def _of_action(action: Action, atoms: list, space: StateSpace) -> tuple[BoundAction, dict]:
    if not atoms:
        return action.on(space), {}
    rows = [atom if isinstance(atom, tuple) else (atom,) * len(action.parts) for atom in atoms]
    for row in rows:
        if len(row) != len(action.parts):
            raise InputError(f"the action has {len(action.parts)} parts, and {row} names {len(row)}")
    sums = [row[0] for row in zip(*rows, strict=True)]
    for row in rows[1:]:
        sums = [a + b for a, b in zip(sums, row, strict=True)]
    sizes = [_size(action, row) for row in rows]
    bound = action.on(space, values=tuple(sums))
    conditions = bound.values()
    whole = (
        np.stack([_constant(g.fibre, g.label) for g in conditions.generators])
        if conditions.generators
        else np.zeros((0, conditions.size, conditions.size)),
        np.reshape([r.fibre.array for r in conditions.reflections], (-1, conditions.size, conditions.size)),
        np.reshape([_constant(g.shift, g.label) for g in conditions.generators], (-1, conditions.size)),
    )
    out, start = {}, 0
    for atom, k in zip(atoms, sizes, strict=True):
        out[atom] = _part(whole, slice(start, start + k))
        start += k
    return bound, out


def _size(action: Action, row: tuple[AbstractRepresentation, ...]) -> int:
    """The size of a quantity, as the parts of the action that are groups say it."""
    sizes = {r.size(p.group.algebra.n) for p, r in zip(action.parts, row, strict=True) if hasattr(p, "group")}  # pyright: ignore[reportAttributeAccessIssue]
    if len(sizes) > 1:
        raise InputError(f"{row} has the sizes {sorted(sizes)} under the parts of the action; they must agree")
    return sizes.pop() if sizes else 1


def _carrier(q: Quantity, known: dict, bound: BoundAction | None) -> Carrier:
    if isinstance(q, StateSpace):
        assert bound is not None
        return _made(*_state_matrices(bound.on(q)))
    if isinstance(q, Rates):
        assert bound is not None
        conditions = bound.rates(q.targets, q.order)
        d = conditions.size
        return _made(
            np.reshape([_constant(g.fibre, g.label) for g in conditions.generators], (-1, d, d)),
            np.reshape([r.fibre.array for r in conditions.reflections], (-1, d, d)),
            np.reshape([_constant(g.shift, g.label) for g in conditions.generators], (-1, d)),
        )
    parts = [known[atom] for atom in _atoms(q)]
    n = sum(p[0].shape[1] for p in parts)
    A, E, a = (np.zeros((len(parts[0][i]), *(n,) * (2 if i < 2 else 1))) for i in range(3))
    start = 0
    for part in parts:
        here = slice(start, start + part[0].shape[1])
        A[:, here, here], E[:, here, here], a[:, here] = part
        start = here.stop
    return _made(A, E, a)


def _made(A: np.ndarray, E: np.ndarray, a: np.ndarray) -> Carrier:
    return Carrier.of_matrices(A, E, a)


def _part(whole: Matrices, here: slice) -> Matrices:
    A, E, a = whole
    return A[:, here, here], E[:, here, here], a[:, here]


def _state_matrices(bound: BoundAction) -> Matrices:
    n = bound.space.size
    A, a = np.zeros((len(bound.motions), n, n)), np.zeros((len(bound.motions), n))
    for i, motion in enumerate(bound.motions):
        if not isinstance(motion.field, Polynomial) or motion.field.degree > 1:
            raise InputError(f"{motion.label!r} moves the state nonlinearly; layers need generators A x + a")
        A[i], a[i] = motion.field.linear_part, motion.field.constant_part
    return A, np.reshape([e.matrix.array for e in bound.elements], (-1, n, n)), a


def _constant(part, label: str) -> np.ndarray:
    """What does not depend on the state, as an array."""
    if not isinstance(part, Polynomial) or part.degree > 0:
        raise InputError(
            f"{label!r} moves this quantity differently at each state; layers need one matrix for all states"
        )
    return part.constant_part
