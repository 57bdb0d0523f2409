"""Non-relativistic space-time, coordinates (t, x_1, ..., x_d): Aristotle, Galilei, Schroedinger, Carroll and others."""

from __future__ import annotations

import numpy as np

from symdyn.groups.catalogue.blocks import Fields, axes, check_positive, check_size, constant, group, linear, rotations
from symdyn.groups.group import Group
from symdyn.groups.polynomial import Polynomial


def at_rest(d: int) -> Fields:
    """Translations of time and space, and rotations of space, on (t, x)."""
    matrices, labels = rotations(d)
    wide = np.pad(matrices, ((0, 0), (1, 0), (1, 0)))
    return constant(("t", *axes(d))) | linear(wide, labels)


def boosts(d: int, forward: float, back: float) -> Fields:
    """The fields forward t d_i + back x_i d_t."""
    A = np.zeros((d, d + 1, d + 1))
    for i in range(d):
        A[i, i + 1, 0], A[i, 0, i + 1] = forward, back
    return linear(A, [f"boost_{axis}" for axis in axes(d)])


def mirrors(d: int, parity: bool, time_reversal: bool) -> dict[str, np.ndarray]:
    """Parity and time reversal as elements on (t, x)."""
    flips = -np.ones(d) if d % 2 else np.array([-1.0] + [1.0] * (d - 1))  # in even d, x -> -x is a rotation
    found = {"parity": np.diag([1.0, *flips])} if parity else {}
    return found | ({"time_reversal": np.diag([-1.0] + [1.0] * d)} if time_reversal else {})


def TimeTranslation() -> Group:
    """Translations of time alone, on the one coordinate t: d_t; dimension 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.TimeTranslation())
    TimeTranslation: 1 generator (translation_t)
    """
    return group("TimeTranslation", "time", constant(("t",)), base="spacetime")


def TimeReversal() -> Group:
    """The element t -> -t, on the one coordinate t.

    Examples
    --------
    >>> import symdyn as sd
    >>> print(sd.TimeTranslation() + sd.TimeReversal())
    TimeTranslation + TimeReversal: 1 generator (translation_t) and 1 element (time_reversal)
    """
    return group("TimeReversal", "nothing", {}, base="spacetime", elements={"time_reversal": -np.eye(1)})


def Aristotle(d: int, *, parity: bool = False, time_reversal: bool = False) -> Group:
    """Space-time with a frame at rest: d_t, d_i and rotations, on (t, x_1..x_d); dimension 1 + d (d + 1) / 2.

    `parity` adds x -> -x (in even d the reflection of the first axis, because x -> -x is a rotation there),
    `time_reversal` t -> -t.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Aristotle(3, parity=True).algebra.dimension, sd.Aristotle(2).algebra.labels
    (7, ('translation_t', 'translation_x', 'translation_y', 'rotation'))
    """
    check_size("Aristotle", d, 1, "d")
    elements = mirrors(d, parity, time_reversal)
    return group(f"Aristotle({d})", f"aristotle({d})", at_rest(d), base="spacetime", elements=elements)


def Galilei(d: int, *, parity: bool = False, time_reversal: bool = False) -> Group:
    """Newton's space-time: Aristotle(d) and the boosts t d_i, on (t, x_1..x_d); dimension 1 + d (d + 3) / 2.

    Velocities change by the boost: give them the representation `Velocity`. `parity` adds x -> -x (in even d the
    reflection of the first axis), `time_reversal` t -> -t.

    Reference: Bacry and Levy-Leblond 1968, J. Math. Phys. 9, 1605.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Galilei(3).algebra.dimension, sd.Galilei(1).algebra.labels
    (10, ('translation_t', 'translation_x', 'boost_x'))
    """
    check_size("Galilei", d, 1, "d")
    elements = mirrors(d, parity, time_reversal)
    fields = at_rest(d) | boosts(d, 1.0, 0.0)
    return group(f"Galilei({d})", f"galilei({d})", fields, base="spacetime", elements=elements)


def Schroedinger(d: int, *, parity: bool = False, time_reversal: bool = False) -> Group:
    """Galilei(d) with 2 t d_t + x.d (dilation) and t^2 d_t + t x.d (expansion); dimension 3 + d (d + 3) / 2.

    The symmetry of free particles and of diffusion on (t, x_1..x_d), without the central mass, which moves values only:
    dimension 12 in three dimensions, 13 with the mass. The expansion, the dilation and d_t form sl(2, R). Wave
    functions transform as `Wavefunction(mass, weight=-d / 2)`.

    Reference: Niederer 1972, Helv. Phys. Acta 45, 802.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Schroedinger(3).algebra.dimension, sd.Schroedinger(1).algebra.labels[-2:]
    (12, ('dilation', 'expansion'))
    """
    check_size("Schroedinger", d, 1, "d")
    n = d + 1
    place = Polynomial.affine(np.eye(n), np.zeros(n))
    dilation = linear(np.diag([2.0] + [1.0] * d)[None], ("dilation",))
    fields = at_rest(d) | boosts(d, 1.0, 0.0) | dilation | {"expansion": place.times(0)}
    elements = mirrors(d, parity, time_reversal)
    return group(f"Schroedinger({d})", f"schroedinger({d})", fields, base="spacetime", elements=elements)


def Carroll(d: int, *, parity: bool = False, time_reversal: bool = False) -> Group:
    """The limit c -> 0 of Poincare(d): Aristotle(d) and x_i d_t, on (t, x_1..x_d); dimension 1 + d (d + 3) / 2.

    Reference: Levy-Leblond 1965, Ann. Inst. H. Poincare A 3, 1.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Carroll(3).algebra.dimension, sd.Carroll(1).algebra.matrices[2].tolist()
    (10, [[0.0, 1.0], [0.0, 0.0]])
    """
    check_size("Carroll", d, 1, "d")
    elements = mirrors(d, parity, time_reversal)
    fields = at_rest(d) | boosts(d, 0.0, 1.0)
    return group(f"Carroll({d})", f"carroll({d})", fields, base="spacetime", elements=elements)


def Accelerations(d: int, degree: int, *, least: int = 0) -> Group:
    """Frames that move in one direction as powers of time: t^k d_i, least <= k <= degree; commuting.

    Translations are k = 0, boosts k = 1, uniform accelerations k = 2; dimension d (degree - least + 1), on
    (t, x_1..x_d). Incompressible fluids have these symmetries for any function of time. To extend another group leave
    out what it has: `Galilei(3) + Accelerations(3, 2, least=2)`.

    Reference: Olver 1993, Applications of Lie Groups to Differential Equations, section 2.4.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.Accelerations(1, 3).algebra.labels
    ('translation_x', 'boost_x', 'acceleration_x', 'power_3_x')
    """
    check_size("Accelerations", d, 1, "d")
    check_size("Accelerations", least, 0, "least")
    check_size("Accelerations", degree, least, "degree")
    names = ("translation", "boost", "acceleration")
    fields: Fields = {}
    for k in range(least, degree + 1):
        for axis, unit in zip(axes(d), np.eye(d + 1)[1:], strict=True):
            name = names[k] if k < 3 else f"power_{k}"
            fields[f"{name}_{axis}"] = Polynomial.of([[k] + [0] * d], unit[None])
    name = f"Accelerations({d}, {degree})" if least == 0 else f"Accelerations({d}, {degree}, least={least})"
    return group(name, "accelerations", fields, base="spacetime")


def NewtonHooke(d: int, rate: float = 1.0, *, expanding: bool = False) -> Group:
    """Maps of the motions of harmonic oscillators, given by initial states (x_1..x_d, v_1..v_d).

    Evolution v d_x - rate^2 x d_v, translations of x (`translation`) and v (`boost`), rotations of both; dimension
    1 + d (d + 3) / 2. `expanding=True` has + rate^2: a cosmos that drives apart. The limits c -> infinity of anti-de
    Sitter and de Sitter space, and for rate -> 0 the Galilei group.

    It maps whole motions to motions, and so moves the states at time 0. A law for the rates of (x, v) is not
    equivariant under it: at other times the translations are cos(rate t) d_i and sin(rate t) d_i / rate, which are no
    polynomials of t; use them through `Action.from_fields`.

    Reference: Bacry and Levy-Leblond 1968, J. Math. Phys. 9, 1605.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.NewtonHooke(3).algebra.dimension, sd.NewtonHooke(1, 2.0).algebra.matrices[0].tolist()
    (10, [[0.0, 1.0], [-4.0, 0.0]])
    """
    check_size("NewtonHooke", d, 1, "d")
    check_positive("NewtonHooke", "rate", rate)
    square = rate**2 if expanding else -(rate**2)
    zero, one = np.zeros((d, d)), np.eye(d)
    matrices, labels = rotations(d)
    fields = linear(np.block([[zero, one], [square * one, zero]])[None], ("evolution",))
    fields |= constant(axes(d), np.eye(2 * d)[:d])
    fields |= {
        f"boost_{axis}": Polynomial.constant(2 * d, v) for axis, v in zip(axes(d), np.eye(2 * d)[d:], strict=True)
    }
    fields |= linear(np.array([np.kron(np.eye(2), A) for A in matrices]).reshape(-1, 2 * d, 2 * d), labels)
    more = (f", rate={rate:g}" if rate != 1 else "") + (", expanding" if expanding else "")
    return group(f"NewtonHooke({d}{more})", f"newton_hooke({d})", fields)


def Bargmann(d: int) -> Group:
    """Galilei(d) with its central extension by the mass, on (t, x_1..x_d, s); dimension 2 + d (d + 3) / 2.

    The boosts are t d_i + x_i d_s, and d_s commutes with all: boosts and translations no longer commute. The coordinate
    s is an action per mass, psi = exp(i m s / hbar) the phase of a wave function of mass m, on which the representation
    `Wavefunction` acts without the further coordinate.

    References: Bargmann 1954, Ann. Math. 59, 1; Duval, Burdet, Kuenzle and Perrin 1985, Phys. Rev. D 31, 1841.

    Examples
    --------
    >>> import symdyn as sd
    >>> mass = sd.Bargmann(1).algebra
    >>> mass.labels, mass.bracket([0, 0, 0, 1], [0, 1, 0, 0]).tolist()
    (('translation_t', 'translation_x', 'translation_s', 'boost_x'), [0.0, 0.0, 1.0, 0.0])
    """
    check_size("Bargmann", d, 1, "d")
    n = d + 2
    matrices, labels = rotations(d)
    fields = constant(("t", *axes(d), "s")) | linear(np.pad(matrices, ((0, 0), (1, 1), (1, 1))), labels)
    A = np.zeros((d, n, n))
    for i in range(d):
        A[i, i + 1, 0] = A[i, n - 1, i + 1] = 1.0
    fields |= linear(A, [f"boost_{axis}" for axis in axes(d)])
    return group(f"Bargmann({d})", f"bargmann({d})", fields, base="spacetime")
