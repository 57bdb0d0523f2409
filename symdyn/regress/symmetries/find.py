"""`find_symmetries`: from anything that may have symmetries to the question that the null space answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from symdyn._errors import InputError
from symdyn._types import StateSpace, double_precision
from symdyn.groups import Action, Polynomial
from symdyn.groups.polynomial import read_polynomial, stacked
from symdyn.model.model import AbstractModel, Model
from symdyn.regress._identify import identify
from symdyn.regress.domain import Domain
from symdyn.regress.symmetries.of_fields import law_of_fields
from symdyn.symmetry.discovery import Symmetries, VectorFields
from symdyn.symmetry.discovery.candidates import Place
from symdyn.symmetry.discovery.discrete import KINDS
from symdyn.symmetry.discovery.find import found_symmetries
from symdyn.symmetry.discovery.jet_law import JetLaw, evolution, implicit
from symdyn.symmetry.discovery.sets import Cloud, LevelSet
from symdyn.symmetry.discovery.subjects import AbstractSubject, Flow, Graph, Law, OneStep

Kind = Literal["flow", "map", "function", "level_set", "cloud", "jets"]


def find_symmetries(
    of: Any,
    *,
    candidates: Any = None,
    kind: Kind | None = None,
    space: StateSpace | None = None,
    outputs: str | tuple[str, ...] = (),
    points: Any = None,
    tolerance: float = 1e-8,
    discrete: bool | Sequence[str] = True,
    grow: bool = False,
    dimension: int | None = None,
    neighbours: int | None = None,
    time: str = "t",
    key: jax.Array | None = None,
    **identification: Any,
) -> Symmetries:
    r"""The symmetries of a law, a map, a function, a point set or a partial differential equation among candidates.

    The condition is linear in the generator, so that the symmetries among candidates are a null space: of
    $[V, \xi] = 0$ for $\dot x = V(x)$ (with time, $X \xi - DV \xi - V X \tau = 0$, $X = \partial_t + V$), of
    $D\Phi \xi - \xi \circ \Phi$ for a map, of $Df \xi - \eta$ on the graph of a function, of $(1 - P) \xi$ for a point
    set, of $\mathrm{pr}\, v\, \Delta$ on $\Delta = 0$ for a differential equation. Where law and candidates are
    polynomials the conditions stand in coefficient space, and are solved in whole numbers if they are rational;
    otherwise they are taken at points. The defect of a generator is |its condition| / |the terms of the condition|,
    free of units and of how candidates are normalised.

    Parameters
    ----------
    of: a law that was identified, or its model; polynomial rates as text, `{"x": "y", "y": "-x"}`; a JAX function (an
        Equinox module) of one flat state, with `kind`; points (m, n); a data set, which goes through `identify` first
        (with the further arguments of `identify`). On jets (`space=StateSpace.jets(...)`): the right-hand side of
        u_t = F by field, as text, or as a function of the flat jet; without `time=` in the space, the equation
        Delta = 0 itself, as text (a list for several) or as a function.
    candidates: a group (on all components, or `group.acting_on(...)`), an `Action`, a `LieAlgebra`,
        `sd.VectorFields(...)`, `sd.Scalings()`, a degree, or a list of these; discrete elements of groups are tried
        too. By default all affine fields and a scaling of time (degree 2 on jets).
    kind: what a function is: "flow" (a vector field), "map" (a step in time), "function" (of some variables, `outputs`
        being the others), "level_set" (its zeros); an array is a "cloud".
    space: the names of the variables, where `of` does not say: x_0, x_1, ... by default.
    outputs: for a function, the variables that are its values.
    points: states (m, n) at which conditions are taken (jets, for differential equations); by default random ones near
        the data that a law was fitted to (`Solution.domain`), else with components of size 0.5 to 1.5, moved onto the
        set or the equation.
    tolerance: of the defect, where the conditions are not solved in whole numbers. For a model of data, its accuracy.
    discrete: whether to try sign patterns, permutations and time reversal, or which: "signs", "permutations", "shifts",
        "time", and "orthogonal" for unknown elements of O(n) (not within the default).
    grow: whether brackets of what was found that leave the candidates are added (they are symmetries as well).
    dimension, neighbours: for a cloud, its dimension (by default from the largest drop of the singular values) and how
        many neighbours make a tangent.
    time: the name of the time in fields that move it or depend on it.
    key: a JAX PRNG key for the random points.

    Returns `Symmetries`: generators, their algebra, defects, trivial and discrete symmetries.

    Raises InputError for arguments that do not fit together, and laws that are not finite at the points.

    References: Otto et al. 2025, JMLR 26(248), discovering symmetry; Olver 1993, Applications of Lie Groups to
    Differential Equations, sections 2.2 and 2.3; Cahill, Mixon, Parshall 2023, Lie PCA.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.find_symmetries({"x": "x - y - x^3 - x y^2", "y": "x + y - x^2 y - y^3"}))
    1 continuous symmetry of 7 candidates (exact; next defect 0.3)
      x d/dy - y d/dx
      R, acting as rotations of (x, y)
    discrete, generating a group of order 4:
      (x, y) -> (-y, x)
    >>> jets = sd.StateSpace.jets(("x",), order=2, time="t", u=1)
    >>> for generator in sd.find_symmetries({"u": "u_xx - u u_x"}, space=jets, discrete=False).generators:
    ...     print(generator)
    d/dt
    d/dx
    t d/dx + d/du
    2 t d/dt + x d/dx - u d/du
    t^2 d/dt + t x d/dx + (x - t u) d/du
    """
    given = array_of(points, "points")
    if not isinstance(getattr(of, "model", of), AbstractModel) and is_data(of, kind):
        of, identification = identify(of, **identification), {}
    subject = subject_of(of, kind, space, outputs, given, time, dimension, neighbours, identification)
    if isinstance(subject, Cloud | LevelSet) and given is not None:
        given = subject.onto(given) if isinstance(subject, LevelSet) else None
    check_points(subject, given)
    if isinstance(subject, JetLaw) and given is not None:
        given = subject.on_shell(given)
    seed = 20250826 if key is None else int(jax.random.randint(key, (), 0, 2**31 - 1))
    return found_symmetries(
        subject,
        _default(subject) if candidates is None else candidates,
        points=_near_data(of) if given is None else given,
        tolerance=float(tolerance),
        kinds=_kinds(discrete, subject),
        grow=grow,
        seed=seed,
    )


def _near_data(of: Any) -> Callable[[np.random.Generator, int], np.ndarray] | None:
    """A law that was fitted is asked near the states of its data, in their units."""
    domain = getattr(of, "domain", None)
    return domain.around if isinstance(domain, Domain) else None


def array_of(values: Any, name: str) -> np.ndarray | None:
    """Finite numbers (m, n) in float64, or None. Raises InputError for anything else."""
    if values is None:
        return None
    found = np.asarray(values, float)
    if found.ndim != 2 or not np.isfinite(found).all():
        raise InputError(f"{name} are finite numbers of shape (m, n), got the shape {found.shape}")
    return found


def check_points(subject: AbstractSubject, points: np.ndarray | None) -> None:
    """Raises InputError for points of another number of components than the subject has."""
    n = subject.place.narrow.size
    if isinstance(subject, JetLaw):
        n = subject.jets.size
    if isinstance(subject, Graph):
        n = len(subject.inputs)
    if points is not None and points.shape[1] != n:
        raise InputError(f"points need {n} components each, got the shape {points.shape}")


def _default(subject: AbstractSubject) -> list:
    if isinstance(subject, JetLaw):
        return [VectorFields(2)]
    clock = subject.place.time
    return [VectorFields(1)] + ([Action.polynomial({"time": {clock: clock}}, time=clock)] if clock else [])


def _kinds(discrete: bool | Sequence[str], subject: AbstractSubject) -> tuple[str, ...]:
    if isinstance(discrete, bool):
        if not discrete or isinstance(subject, Cloud):
            return ()
        if isinstance(subject, JetLaw | Graph):
            return ("signs",)
        return ("signs", "permutations", "time") if isinstance(subject, Flow) else ("signs", "permutations")
    kinds = (discrete,) if isinstance(discrete, str) else tuple(discrete)
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"discrete names {kind!r}; the kinds are {', '.join(KINDS)}")
    return kinds


def subject_of(of, kind, space, outputs, points, time, dimension, neighbours, identification) -> AbstractSubject:
    """What is asked for symmetries: a law, a function, an equation as text, a cloud or a graph."""
    model = getattr(of, "model", of)
    if isinstance(model, AbstractModel):
        return law_of_fields(model) if model.space.derivatives else _of_model(model, time)
    if identification:
        raise InputError(f"unknown arguments {', '.join(identification)}: only a data set is identified first")
    if space is not None and (space.derivatives or space.coordinates):
        return _of_jets(of, space)
    if isinstance(of, np.ndarray | jnp.ndarray | list) and kind in (None, "cloud"):
        data = array_of(of, "the points of a cloud")
        assert data is not None
        return Cloud.of(Place(space or _unnamed(data.shape[1])), data, dimension, neighbours)
    if isinstance(of, Mapping) and kind in (None, "flow", "map"):
        space = space or StateSpace.of(**dict.fromkeys(of, 1))
        law = Law(_unused, stacked(read_subject(of, space.component_names, space.component_names)))
        return OneStep(Place(space), law) if kind == "map" else Flow(Place(space, _clock(time, space)), law)
    return _of_function(of, kind, space, outputs, points, time)


def _vector(function: Any, x):
    """The values of a user's function, a lone number as one of several."""
    return jnp.atleast_1d(function(x))


def _unused(x):
    raise AssertionError("a polynomial law is evaluated as such")


def _clock(time: str, space: StateSpace) -> str:
    return time if time not in (*space.names, *space.component_names) else ""


def _unnamed(n: int) -> StateSpace:
    return StateSpace.of(**{f"x_{k}": 1 for k in range(n)})


def is_data(of: Any, kind: str | None) -> bool:
    """Whether a law is to be identified first."""
    if hasattr(of, "data_vars") or hasattr(of, "to_dataset"):
        return True
    if isinstance(of, Mapping):
        return not all(isinstance(v, str) for v in of.values())
    return isinstance(of, list) and len(of) > 0 and (isinstance(of[0], Mapping) or hasattr(of[0], "data_vars"))


def read_subject(texts: Mapping[str, str], wanted: Sequence[str], names: Sequence[str]) -> list[Polynomial]:
    """Polynomials of a law given as text, in the order wanted. Raises InputError for unknown names."""
    for name in texts:
        if name not in wanted:
            raise InputError(f"the law names {name!r}; the components are {', '.join(wanted)}")
    return [read_polynomial(texts.get(name, "0"), tuple(names)) for name in wanted]


def _of_function(of: Any, kind, space, outputs, points, time) -> AbstractSubject:
    if isinstance(of, str) and kind == "level_set" and space is not None:
        return LevelSet(Place(space), Law(_unused, stacked([read_polynomial(of, space.component_names)])))
    if not callable(of):
        raise InputError(
            "find_symmetries needs a law, a model, rates as text, a function, points or a data set, got "
            f"{type(of).__name__}"
        )
    if kind not in ("flow", "map", "function", "level_set"):
        raise InputError(
            f'say what the function is: kind="flow" (a vector field), "map", "function" or "level_set"; got {kind!r}'
        )
    if space is None:
        if points is None:
            raise InputError("a function needs the names of its variables, space=StateSpace.of(...), or points (m, n)")
        space = _unnamed(points.shape[1])
    if kind == "function":
        return _graph(of, space, (outputs,) if isinstance(outputs, str) else tuple(outputs))
    law = Law(lambda x: _vector(of, x))
    shape = _shape(law, space.size)
    if kind == "level_set":
        return LevelSet(Place(space), law)
    if shape != (space.size,):
        raise InputError(f"the function of a state of {space.size} components gives {shape}; a {kind} gives as many")
    return Flow(Place(space, _clock(time, space)), law) if kind == "flow" else OneStep(Place(space), law)


def _shape(law: Law, n: int) -> tuple[int, ...]:
    with double_precision():
        return jax.eval_shape(law.function, jax.ShapeDtypeStruct((n,), float)).shape


def _graph(of: Callable, space: StateSpace, outputs: tuple[str, ...]) -> Graph:
    if not outputs:
        raise InputError(f"name the variables that the function gives: outputs=...; the space has {space.names}")
    into = space.indices(outputs)
    rest = np.setdiff1d(np.arange(space.size), into)
    law = Law(lambda x: _vector(of, x))
    shape = _shape(law, len(rest))
    if shape != (len(into),):
        raise InputError(
            f"the function gives {shape}, and the outputs {', '.join(outputs)} have {len(into)} components"
        )
    return Graph(Place(space), law, rest, into)


def _of_jets(of: Any, space: StateSpace) -> JetLaw:
    fields = space.select(space.fields).component_names
    if space.time is None:
        if callable(of):
            return JetLaw(Place(space), space, Law(lambda z: _vector(of, z)))
        texts = [of] if isinstance(of, str) else list(of)
        return JetLaw(Place(space), space, implicit([read_polynomial(t, space.component_names) for t in texts]))
    if isinstance(of, str) and len(fields) == 1:
        of = {fields[0]: of}
    if isinstance(of, Mapping):
        rates = Law(_unused, stacked(read_subject(of, fields, space.component_names)))
    elif callable(of):
        rates = Law(lambda z: _vector(of, z))
    else:
        raise InputError(f"a law on jets is text by field or a function of the jet, got {type(of).__name__}")
    wide, law, solved = evolution(space, rates)
    return JetLaw(Place(wide), wide, law, solved)


def _of_model(model: AbstractModel, time: str) -> AbstractSubject:
    """The flow or the map of a model; inputs are parameters that stay, a clock runs with rate 1."""
    space = model.space
    place = Place(space, "" if model.discrete else _clock(time, space))
    into = space.indices(model.targets)

    def function(x):
        out = x if model.discrete else jnp.zeros_like(x)
        out = out.at[into].set(jnp.asarray(model.rate(x), x.dtype))
        for a, b in model.kinematics:
            out = out.at[space.slice(a)].set(x[space.slice(b)])
        return out.at[space.slice(model.clock)].set(1.0) if model.clock else out

    law = Law(function, _model_polynomial(model))
    return OneStep(place, law) if model.discrete else Flow(place, law)


def _model_polynomial(model: AbstractModel) -> Polynomial | None:
    if not isinstance(model, Model) or model.known is not None or model.discrete:
        return None
    exponents = model.terms.monomials()
    if exponents is None or model.terms.value_shape:
        return None
    space, n = model.space, model.space.size
    full = np.zeros((len(exponents), n), int)
    full[:, space.indices(model.terms.space.names)] = exponents
    values = np.zeros((len(exponents), n))
    values[:, space.indices(model.targets)] = np.asarray(model.coefficients)
    linear, shift = np.zeros((n, n)), np.zeros(n)
    for a, b in model.kinematics:
        linear[np.arange(n)[space.slice(a)], np.arange(n)[space.slice(b)]] = 1.0
    if model.clock:
        shift[space.slice(model.clock)] = 1.0
    return Polynomial.of(full, values) + Polynomial.affine(linear, shift)
