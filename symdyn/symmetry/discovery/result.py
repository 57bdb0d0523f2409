"""What `find_symmetries` returns: generators, their algebra, defects, what was trivial, and discrete elements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Action, AlgebraName, LieAlgebra, acting_as, name_of
from symdyn.groups.bound import Element
from symdyn.groups.parts import AbstractPart
from symdyn.symmetry.discovery.candidates import Place, together
from symdyn.symmetry.discovery.closure import CLOSED
from symdyn.symmetry.discovery.discrete import DiscreteSymmetry
from symdyn.symmetry.discovery.fields import Candidates, Fields, FunctionFields, TermFields, field_function
from symdyn.symmetry.discovery.printing import latex_of, sympy_of, text_of
from symdyn.symmetry.discovery.readable import common_whole


@dataclass(frozen=True, eq=False)
class Symmetry:
    """One generator that was found: a vector field on the named coordinates, and its scale-free defect.

    `space`: the coordinates, the time first where the field moves it or depends on it; `defect`: 0 for an exact
    symmetry, of order one for a field that has nothing to do with the law; `reason`: for a trivial one, why.
    """

    field: Fields
    defect: float
    reason: str = ""

    @property
    def space(self) -> StateSpace:
        """The coordinates that the field lives on."""
        return self.field.space

    def __call__(self, x):
        """The field at one point x (N,), in NumPy or JAX: (N,)."""
        return field_function(self.field)(x)

    def latex(self) -> str:
        """The field in LaTeX."""
        return latex_of(self.field)

    def to_sympy(self) -> dict[Any, Any]:
        """The field as {symbol: component}. Raises InputError for a field made of a user's own functions."""
        return sympy_of(self.field)

    def __str__(self) -> str:
        return text_of(self.field) + (f": {self.reason}" if self.reason else "")

    def __repr__(self) -> str:
        return f"<Symmetry {self}>"


@dataclass(frozen=True)
class ElementsPart(AbstractPart):
    """Discrete elements given as matrices on all components of a state."""

    labels: tuple[str, ...]
    matrices: Frozen
    times: tuple[float, ...]

    def point_fields(self, space: StateSpace, value) -> list:
        return []

    def elements(self, space: StateSpace, value) -> list[Element]:
        if self.matrices.shape[1] != space.size:
            raise InputError(f"the elements act on {self.matrices.shape[1]} components, and the state has {space.size}")
        rows = zip(self.labels, self.matrices.array, self.times, strict=True)
        return [Element(label, Frozen(g), time) for label, g, time in rows]

    def __repr__(self) -> str:
        return f"elements({', '.join(self.labels)})"


@dataclass(frozen=True, eq=False)
class Symmetries:
    """The symmetries that were found. Prints as a list of vector fields and maps.

    Attributes
    ----------
    generators: those of continuous symmetries, without trivial ones: a readable basis.
    trivial: those that say nothing of the law, each with its reason.
    spectrum: the scale-free defects of all independent candidates, rising; exact symmetries first, near zero.
    gap: the first defect that counts as broken over the last that counts as kept (or over the tolerance's floor 1e-16).
    closure: how far brackets leave the span of all that was found, relative; 0 for a Lie algebra.
    name, acting: the name of the algebra, and what it does in words.
    structure: structure constants c (g, g, g) of the fields' brackets, in the generators (and then the trivial ones
        where `algebra_holds_trivial`), [X_i, X_j] = sum_k c_ijk X_k + what leaves the span.
    algebra_holds_trivial: whether trivial generators are part of `algebra`, after the others.
    discrete: elements that generate the discrete symmetries found.
    order: of the group that these make; 0 where it is not finite (or beyond 400).
    exact: whether the generators come from an exact elimination.
    tolerance: below which a defect counted as zero.
    """

    place: Place
    generators: tuple[Symmetry, ...]
    trivial: tuple[Symmetry, ...]
    spectrum: np.ndarray
    gap: float
    closure: float
    structure: np.ndarray
    algebra_holds_trivial: bool
    discrete: tuple[DiscreteSymmetry, ...]
    order: int
    exact: bool
    tolerance: float

    @cached_property
    def algebra(self) -> LieAlgebra | None:
        """The Lie algebra of the generators, with the trivial ones after them where it does not close without.

        None where nothing was found, the brackets leave the span, or the fields are no polynomials.
        """
        members = (*self.generators, *(self.trivial if self.algebra_holds_trivial else ()))
        if not members or self.closure > CLOSED:
            return None
        single = together(Candidates(members[0].space, tuple(each.field for each in members))).single
        labels = tuple(text_of(each.field) for each in members)
        return None if single is None else LieAlgebra("found", single.polynomial(), labels)

    @cached_property
    def name(self) -> AlgebraName | None:
        """The name of the algebra, with its structure and isomorphisms; None where the brackets leave the span."""
        if self.closure > CLOSED or not len(self.structure):
            return None
        return name_of(self.structure, tolerance=max(1e-7, 10 * self.closure))

    @property
    def acting(self) -> str:
        """What the generators do, in words; empty where they make no algebra of polynomial fields."""
        if self.algebra is None:
            return ""
        members = (*self.generators, *self.trivial)
        space = members[0].space
        text = acting_as(self.algebra, space.component_names, time=self.place.time or "t")
        for variable in space.variables:  # all components of a vector go by its name
            if variable.size > 1:
                names = variable.component_names
                text = text.replace(f"({', '.join(names)})", variable.name)
                weights = rf"{names[0]}: (\S+?)" + "".join(rf", {name}: \1" for name in names[1:]) + r"(?=[,)])"
                text = re.sub(weights, rf"{variable.name}: \1", text)
        return text

    @property
    def dimension(self) -> int:
        """The number of generators, without trivial ones."""
        return len(self.generators)

    @property
    def defects(self) -> np.ndarray:
        """The scale-free defect of each generator."""
        return np.array([each.defect for each in self.generators])

    @property
    def weights(self) -> tuple[dict[str, int | float], ...]:
        """For generators that are scalings: the weight of each variable, whole numbers where they are rational.

        The time comes last. Components that have the same weight stand as their variable.
        """
        found = []
        for each in self.generators:
            diagonal = _diagonal(each.field)
            if diagonal is not None:
                whole = common_whole(diagonal)
                values = [float(v) for v in diagonal] if whole is None else [int(v) for v in whole]
                found.append(_named(values, each.space, self.place.time))
        return tuple(found)

    def span(self, *, trivial: bool = True) -> Candidates:
        """All generators as fields, trivial ones after the others: what angles and further questions are asked of."""
        chosen = (*self.generators, *(self.trivial if trivial else ()))
        if not chosen:
            raise InputError("no symmetry was found")
        return Candidates(chosen[0].space, tuple(each.field for each in chosen))

    def action(self, *, trivial: bool = False, discrete: bool = True) -> Action:
        """The symmetries as an `Action`, for `identify(action=...)`, `enforce` and `Action.on`.

        Parameters
        ----------
        trivial: whether trivial generators are part of it.
        discrete: whether the discrete elements are.

        Raises InputError where nothing was found, or a field moves the time in a way that actions cannot say.
        """
        chosen = (*self.generators, *(self.trivial if trivial else ()))
        found = [(each.label or str(each), each.matrix.array, each.time) for each in self.discrete]
        elements = found if discrete else []
        return action_of([each.field for each in chosen], elements, self.place.narrow, self.place.time or "t")

    def to_xarray(self):
        """Generators, defects, the spectrum and the structure constants as a Dataset."""
        import xarray as xr

        texts = [str(each) for each in self.generators]
        members = [*texts, *(str(each) for each in self.trivial if self.algebra_holds_trivial)]
        names = self.place.narrow.component_names
        matrices = np.array([each.matrix.array for each in self.discrete]).reshape(-1, len(names), len(names))
        data = {
            "defect": ("generator", self.defects),
            "spectrum": ("candidate", self.spectrum),
            "structure_constants": (("member", "member_2", "member_3"), self.structure),
            "matrix": (("element", "component", "component_2"), matrices),
            "time_sign": ("element", np.array([each.time for each in self.discrete])),
        }
        attrs = {"closure": self.closure, "gap": self.gap, "tolerance": self.tolerance, "exact": int(self.exact)}
        attrs["trivial"] = "; ".join(str(each) for each in self.trivial)
        coords = {"generator": np.array(texts, dtype=str), "component": list(names), "member": np.array(members, str)}
        coords["element"] = np.array([str(each) for each in self.discrete], dtype=str)
        return xr.Dataset(data, coords, attrs)

    def __str__(self) -> str:
        lines = [f"{_count(self.dimension, 'continuous symmetry', 'continuous symmetries')}{self._how()}"]
        lines += [
            f"  {each}" + (f"   (defect {each.defect:.1e})" if each.defect > 1e-12 else "") for each in self.generators
        ]
        if self.name is not None:
            held = " (trivial ones included)" if self.algebra_holds_trivial else ""
            lines.append(f"  {self.name}{held}" + (f", acting as {self.acting}" if self.acting else ""))
        if self.dimension + len(self.trivial) > 1 and self.closure > 1e-7:
            lines.append(f"  the brackets leave the span: {self.closure:.1e}; grow=True adds them")
        if self.trivial:
            lines += ["trivial:", *(f"  {each}" for each in self.trivial)]
        if self.discrete:
            size = f"a group of order {self.order}" if self.order else "no finite group"
            lines += [f"discrete, generating {size}:", *(f"  {each}" for each in self.discrete)]
        return "\n".join(lines)

    def _how(self) -> str:
        if len(self.spectrum) == 0:
            return ""
        kept = self.dimension + len(self.trivial)
        rest = self.spectrum[kept] if kept < len(self.spectrum) else None
        way = "exact" if self.exact else f"defects below {self.tolerance:.0e}"
        return f" of {len(self.spectrum)} candidates ({way}" + (
            f"; next defect {rest:.2g})" if rest is not None else ")"
        )

    def __repr__(self) -> str:
        return f"<Symmetries: {self.dimension} generators, {len(self.discrete)} discrete>\n{self}"


def action_of(
    fields: Sequence[Fields], elements: Sequence[tuple[str, np.ndarray, float]], space: StateSpace, time: str = "t"
) -> Action:
    """Fields, and elements (label, matrix, factor of the time), as an `Action` on a state; InputError for none."""
    parts: list[AbstractPart] = []
    by_text = {text_of(field): field for field in fields}
    plain = {k: f for k, f in by_text.items() if isinstance(f, TermFields) and f.exponents is not None}
    if plain:
        texts = {label: _components(field) for label, field in plain.items()}
        parts += Action.polynomial(texts, time=time).parts
    others = {k: f for k, f in by_text.items() if k not in plain}
    if others:
        parts += Action.from_fields({k: _by_name(f, space, k) for k, f in others.items()}).parts
    if elements:
        labels, matrices, times = zip(*elements, strict=True)
        parts.append(ElementsPart(tuple(labels), Frozen(np.array(matrices)), tuple(times)))
    if not parts:
        raise InputError("no symmetry was found that an action could be made of")
    return Action(tuple(parts))


def _count(number: int, one: str, many: str) -> str:
    return f"{number or 'no'} {one if number == 1 else many}"


def _components(field: TermFields) -> dict[str, str]:
    """A polynomial field as texts with all digits, by component."""
    names = field.space.component_names
    assert field.exponents is not None
    out = {}
    for name, row in zip(names, field.dense()[0], strict=True):
        text = ""
        for k in np.flatnonzero(row):
            powers = zip(names, field.exponents[k], strict=True)
            factors = " ".join(f"{n}^{a}" for n, a in powers if a)
            text += f"{' - ' if row[k] < 0 else ' + '}{float(abs(row[k]))!r} {factors}"
        if text:
            out[name] = text.strip()
    return out


def _by_name(field: Fields, space: StateSpace, label: str):
    """A field as a function from a state by name to its motion."""
    if field.space != space:
        raise InputError(f"{label!r} depends on time and is no polynomial; give it to Action.from_fields by hand")
    function = field_function(field)

    def moved(state: dict[str, Any]) -> dict[str, Any]:
        x = jnp.concatenate([jnp.ravel(jnp.asarray(state[name])) for name in space.names])
        return space.split(function(x))

    return moved


def _diagonal(field: Fields) -> np.ndarray | None:
    """The weights (N,) of a scaling; None for other fields."""
    if isinstance(field, FunctionFields) or field.exponents is None:
        return None
    X = field.polynomial()
    matrix = X.linear_part[0]
    if X.degree != 1 or X.constant_part.any() or np.any(matrix - np.diag(np.diag(matrix))):
        return None
    return np.diag(matrix).copy()


def _named(values: list, space: StateSpace, time: str) -> dict[str, int | float]:
    out: dict[str, int | float] = {}
    for variable in space.variables:
        own = values[space.slice(variable.name)]
        names = (variable.name,) if len(set(own)) == 1 else variable.component_names
        out |= dict(zip(names, own, strict=False))
    if time in out:
        out[time] = out.pop(time)
    return out
