"""What the named groups refuse, and what they say."""

import numpy as np
import pytest

from symdyn import _errors
from symdyn.groups import Group, LieAlgebra
from symdyn.groups.catalogue import (
    GL,
    SE,
    SL,
    SO,
    SU,
    Accelerations,
    Aff,
    AntiDeSitter,
    Aristotle,
    Bargmann,
    Carroll,
    Conformal,
    ConformalSpacetime,
    Cube,
    Cyclic,
    CyclicShifts,
    DeSitter,
    Dihedral,
    Galilei,
    Heisenberg,
    Lorentz,
    Mirror,
    NewtonHooke,
    O,
    Parity,
    Permutations,
    Poincare,
    Projective,
    Schroedinger,
    SignPattern,
    Signs,
    Sim,
    Sp,
    T,
    TwoDimensionalConformal,
    U,
    Unipotent,
)


def of(name, axes, **fields):
    return LieAlgebra.of_fields(name, axes, fields)


@pytest.mark.parametrize(
    ("make", "least", "letter"),
    [
        *(
            (make, 1, "n")
            for make in (T, O, SE, Sim, GL, Aff, U, Conformal, Projective, Heisenberg, Parity, Mirror, Signs)
        ),
        *((make, 2, "n") for make in (SO, SL, Sp, SU, Unipotent, Cyclic, Permutations, CyclicShifts)),
        *((make, 1, "d") for make in (Aristotle, Galilei, Schroedinger, Carroll, Bargmann, NewtonHooke)),
        *((make, 1, "d") for make in (Lorentz, Poincare, DeSitter, AntiDeSitter, ConformalSpacetime)),
        (Dihedral, 1, "n"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
@pytest.mark.parametrize("wrong", [-1, 2.5, "3", True, None])
def test_wrong_sizes_are_refused(make, least, letter, wrong):
    with pytest.raises(_errors.InputError, match=f"{make.__name__}\\({letter}\\) needs an integer {letter} >= {least}"):
        make(wrong)
    with pytest.raises(_errors.InputError, match=f"got {least - 1}"):
        make(least - 1)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Sp(3), "even n, the size of a phase space"),
        (lambda: SO(2, -1), "q >= 0"),
        (lambda: SO(0, 3), "n >= 1"),
        (lambda: TwoDimensionalConformal(2), "closes for order -1, 0 and 1, got 2"),
        (lambda: TwoDimensionalConformal(-2), "order >= -1"),
        (lambda: Accelerations(2, -1), "degree >= 0"),
        (lambda: Accelerations(2, 1, least=2), "degree >= 2"),
        (lambda: Lorentz(3, c=0.0), "Lorentz needs a finite c > 0, got c=0.0"),
        (lambda: Poincare(3, c=float("inf")), "finite c > 0"),
        (lambda: DeSitter(3, radius=-1.0), "radius > 0"),
        (lambda: NewtonHooke(2, 0.0), "rate > 0"),
        (lambda: Mirror(2, 2), "axis from 0 to 1, got 2"),
        (lambda: SignPattern((1, 0)), "signs 1 and -1"),
        (lambda: SignPattern(()), "signs 1 and -1"),
        (lambda: Cube(48), "needs True, or False"),
    ],
)
def test_wrong_arguments_are_refused(make, text):
    with pytest.raises(_errors.InputError, match=text):
        make()


def test_groups_that_are_not_finite_are_refused():
    with pytest.raises(_errors.InputError, match=r"no finite group: it has the generators rotation"):
        O(2).closure()
    with pytest.raises(_errors.InputError, match=r"more than 100 others; is the group finite\?"):
        Permutations(6).closure(limit=100)
    nothing = Cyclic(2).algebra
    shear, stretch = np.array([[1.0, 1], [0, 1]]), np.diag([2.0, 0.5])
    for element in (shear, stretch, np.array([[0.6, -0.8], [0.8, 0.6]])):
        with pytest.raises(_errors.InputError, match="is the group finite"):
            Group("infinite", nothing, element[None]).closure(limit=500)


def test_fields_that_do_not_close_or_repeat_are_refused():
    with pytest.raises(_errors.InputError, match="the bracket of 'D' and 'cubic' leaves the span"):
        of("open", ("x", "y"), D={"x": "x + y"}, cubic={"x": "x^3"})
    with pytest.raises(_errors.InputError, match=r"linearly dependent \(rank 1\)"):
        of("twice", ("x",), a={"x": "x"}, b={"x": "3 x"})
    with pytest.raises(_errors.InputError, match=r"bracket of .* leaves the span"):
        SL(2) + Group("quadratic", of("quadratic", ("x", "y"), square={"x": "x^2", "y": "x y"}))


def test_elements_that_do_not_fit_are_refused():
    with pytest.raises(_errors.InputError, match="has no inverse"):
        Group("flat", Galilei(1).algebra, np.diag([1.0, 0.0])[None], ("flat",), "spacetime")
    with pytest.raises(_errors.InputError, match="moved by the element 'stretch', leaves the span"):
        Group("stretched", Lorentz(1).algebra, np.diag([1.0, 2.0])[None], ("stretch",), "spacetime")
    with pytest.raises(_errors.InputError, match="same coordinates"):
        Galilei(1) + SE(2)
