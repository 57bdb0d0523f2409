"""`conservation_laws` of partial differential equations, and `noether`: from symmetries to what they conserve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np

from symdyn._errors import InputError
from symdyn._types import Frozen, StateSpace
from symdyn.groups import Polynomial
from symdyn.groups.polynomial import read_polynomial, stacked
from symdyn.library import AbstractLibrary
from symdyn.model.model import Model
from symdyn.regress.symmetries.find import read_subject, subject_of
from symdyn.symmetry.conserved.laws import ConservationLaw, ConservationLaws
from symdyn.symmetry.conserved.multipliers import laws_in, time_of, variational
from symdyn.symmetry.conserved.null_space import generator_quantity, scalar_terms
from symdyn.symmetry.conserved.result import ConservedQuantity
from symdyn.symmetry.discovery.fields import TermFields
from symdyn.symmetry.discovery.jet_law import JetLaw
from symdyn.symmetry.discovery.result import Symmetry
from symdyn.symmetry.discovery.subjects import Flow


def conservation_laws(
    equation: Any, *, library: AbstractLibrary, space: StateSpace | None = None, time: str = "", tolerance: float = 1e-8
) -> ConservationLaws:
    r"""The conservation laws $D_t T + D_k X_k = \Lambda \Delta$ of a partial differential equation $\Delta = 0$.

    The multipliers $\Lambda$ in a library whose product with the equation is a divergence are the null space of the
    Euler operator, in whole numbers for rational laws. Density and flux follow by the homotopy formula; divergences in
    space are taken off the density. Multipliers with the derivative that the law is solved for (u_t of an evolution
    law), or with one that follows from it, would be trivial where the law vanishes, and are left out.

    Parameters
    ----------
    equation: a polynomial law on jets as text, as `find_symmetries` takes it: the right-hand side of u_t = F, by field,
        or Delta itself on jets of spacetime (a list for several equations, which are as many as fields for a system);
        or a law of fields that was identified.
    library: candidate terms of the multipliers: `Monomials(2)` of all derivatives in the space; name the coordinates
        too, `Monomials(2, ("t", "x", "u", "u_x"))`, for laws such as that of a Galilean boost.
    space: the jets, `StateSpace.jets(...)`; a law that was identified has its own.
    time: the coordinate whose density is sought, for jets of spacetime: "t" by default.
    tolerance: largest scale-free defect, for laws whose numbers are not rational.

    Returns `ConservationLaws`. Multipliers of a linear law that solve its adjoint, of which there is one for each
    solution, say so. In two dimensions and more fluxes are determined up to curls.

    Raises InputError for laws and libraries that are no polynomials. References: Olver 1993, Applications of Lie Groups
    to Differential Equations, sections 4.3 and 5.4; Anco, Bluman 2002, European Journal of Applied Mathematics 13, 545.

    Examples
    --------
    >>> import symdyn as sd
    >>> jets = sd.StateSpace.jets(("x",), order=3, time="t", u=1)
    >>> print(sd.conservation_laws({"u": "-u u_x - u_xxx"}, library=sd.Monomials(1), space=jets))
    2 conservation laws (exact)
      d/dt (u) + d/dx (u_xx + 1/2 u^2) = 0   (multiplier 1)
      d/dt (1/2 u^2) + d/dx (u u_xx - 1/2 u_x^2 + 1/3 u^3) = 0   (multiplier u)
    """
    if not isinstance(library, AbstractLibrary):
        raise InputError(f"library is a library of terms such as sd.Monomials(2), got {type(library).__name__}")
    model = getattr(equation, "model", equation)
    if isinstance(model, Model) and space is None:
        space = model.terms.space
    if space is None or not (space.derivatives or space.coordinates):
        raise InputError('conservation laws are those of laws on jets: space=sd.StateSpace.jets(("x",), time="t", ...)')
    subject = subject_of(equation, None, space, (), None, "", None, None, {})
    assert isinstance(subject, JetLaw)
    return laws_in(subject, library, space, time=time or time_of(space), tolerance=float(tolerance))


@overload
def noether(
    generator: Any, *, library: AbstractLibrary, positions: Sequence[str], momenta: Sequence[str], space: StateSpace,
) -> ConservedQuantity: ...  # fmt: skip
@overload
def noether(generator: Any, *, lagrangian: str, space: StateSpace, time: str = "") -> ConservationLaw: ...
def noether(
    generator: Any, *, space: StateSpace, library: AbstractLibrary | None = None, positions: Sequence[str] = (),
    momenta: Sequence[str] = (), lagrangian: str = "", time: str = "",
) -> ConservedQuantity | ConservationLaw:  # fmt: skip
    r"""The conserved quantity that a symmetry of a Hamiltonian system or of a Lagrangian belongs to.

    For a Hamiltonian system it is the C with $\dot q = \partial_p C$, $\dot p = -\partial_q C$ for the flow of the
    generator, by a linear solve in the library. For a Lagrangian of fields the characteristic $Q = \phi - \xi^i u_i$ of
    the generator is a multiplier of the Euler-Lagrange equations, $Q \cdot E(L) = D_t T + D_k X_k$, exactly where the
    generator is a symmetry of the action.

    Parameters
    ----------
    generator: the field as text by component, `{"x": "-y", ...}`, or a JAX function of one flat state. For a
        Lagrangian text by coordinate and field, which may hold derivatives, or a `Symmetry` that was found.
    space: the state; for a Lagrangian the jets of spacetime, `StateSpace.jets(("t", "x"), order=1, u=1)`.
    library: candidate terms of C.
    positions, momenta: the names of canonical pairs, in the same order.
    lagrangian: a polynomial in the jet, as text.
    time: the coordinate whose density is conserved, "t" by default.

    Returns the quantity; its `defect` is what the generator leaves, 1 where no function in the library generates it
    (fields that are not Hamiltonian, such as scalings, have none). C is conserved if the generator is a symmetry of a
    Hamiltonian H, up to a constant {C, H}. For a Lagrangian, the `ConservationLaw`.

    Raises InputError for names that do not fit, and for a generator that is no symmetry of the action. References:
    Arnold 1989, Mathematical Methods of Classical Mechanics, section 40; Olver 1993, Applications of Lie Groups to
    Differential Equations, theorem 4.29.

    Examples
    --------
    >>> import symdyn as sd
    >>> turn = {"x": "-y", "y": "x", "p": "-q", "q": "p"}
    >>> space = sd.StateSpace.of(x=1, y=1, p=1, q=1)
    >>> print(sd.noether(turn, library=sd.Monomials(2), positions=("x", "y"), momenta=("p", "q"), space=space))
    x q - y p
    >>> string = sd.StateSpace.jets(("t", "x"), order=1, u=1)
    >>> print(sd.noether({"t": "1"}, lagrangian="1/2 u_t^2 - 1/2 u_x^2", space=string))
    d/dt (1/2 u_t^2 + 1/2 u_x^2) + d/dx (-u_t u_x) = 0   (multiplier -u_t)
    """
    if lagrangian:
        if library is not None or positions or momenta:
            raise InputError("a Lagrangian needs no library, positions or momenta: its symmetries give the multipliers")
        return _of_action(generator, lagrangian, space, time)
    q, p = space.indices(tuple(positions)), space.indices(tuple(momenta))
    if len(q) != len(p) or set(q) & set(p) or len(q) == 0:
        raise InputError(f"positions and momenta are pairs of different components, got {positions} and {momenta}")
    kind = None if isinstance(generator, dict) else "flow"
    subject = subject_of(generator, kind, space, (), None, "", None, None, {})
    assert isinstance(subject, Flow)
    if library is None:
        raise InputError("a Hamiltonian system needs a library of terms: library=sd.Monomials(2); or give lagrangian=")
    terms = scalar_terms(library, space)
    weights, left = generator_quantity(subject.law, terms, (q, p), seed=11)
    return ConservedQuantity(terms, Frozen(weights), left)


def _of_action(generator: Any, lagrangian: str, space: StateSpace, time: str) -> ConservationLaw:
    if not space.coordinates or space.time:
        raise InputError('a Lagrangian is one of jets of spacetime: space=sd.StateSpace.jets(("t", "x"), order=1, u=1)')
    names = space.component_names
    zeroth = space.zeroth.component_names
    if isinstance(generator, Symmetry):
        field = generator.field
        if not isinstance(field, TermFields) or field.exponents is None or field.space.component_names != zeroth:
            raise InputError(f"the symmetry is no polynomial field on {', '.join(zeroth)}: {generator}")
        here = np.array([names.index(name) for name in zeroth])
        moved = field.polynomial()[0].placed(here, space.size)
    elif isinstance(generator, Mapping):
        moved = stacked(read_subject(generator, zeroth, names))
    else:
        kind = type(generator).__name__
        raise InputError(f"the generator is text by coordinate and field, or a Symmetry, got {kind}")
    L: Polynomial = read_polynomial(lagrangian, names)
    return variational(L, moved, space, time or time_of(space), str(generator))
