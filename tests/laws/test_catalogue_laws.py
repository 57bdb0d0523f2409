"""Every group of the catalogue, acting on states and on jets: both ways of `enforce`, and finite elements."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from symdyn._errors import InputError
from symdyn._types import StateSpace
from symdyn.groups import Point, Scalar, Vector
from symdyn.groups.catalogue import CATALOGUE
from symdyn.library import Monomials
from symdyn.symmetry import enforce
from symdyn.symmetry._exact import InconsistentError
from symdyn.symmetry._sampled import sampled_coefficients
from symdyn.symmetry.enforce import bound_conditions
from symdyn.testing import assert_equivariant


def on_values(group):
    """Vectors that functions of one vector give."""
    n = group.algebra.n
    space = StateSpace.of(v=n)
    degree = 3 if n <= 3 else 2
    return group.acting_on(v=Vector, coordinates=()), space, Monomials(degree), Vector


def on_points(group):
    """Vectors at a point that functions of the point and another vector give."""
    n = group.algebra.n
    space = StateSpace.of(q=n, v=n)
    return group.acting_on(q=Point, v=Vector, coordinates=()), space, Monomials(2 if n <= 3 else 1), Vector


def on_jets(group):
    """Scalars of the jet of a scalar field."""
    axes = ("t", "x", "y", "z")[: group.algebra.n] if group.base == "spacetime" else tuple("xyzw"[: group.algebra.n])
    space = StateSpace.jets(axes, order=2 if len(axes) < 3 else 1, u=1)
    return group.acting_on(u=Scalar), space, Monomials(2), Scalar


def cases():
    for name, make in CATALOGUE.items():
        group = make()
        if group.algebra.is_affine:
            yield f"{name} on values", on_values, group
        if group.base != "internal" and group.algebra.n <= 4:
            yield f"{name} at points", on_points, group
            yield f"{name} on jets", on_jets, group


def admitted(action, space, library, values):
    """What `enforce` finds, or None where it refuses because nothing is equivariant."""
    try:
        return enforce(library, action, space=space, values=values)
    except InputError as error:
        if "no combination of the library" in str(error):
            return None
        raise


CASES = {name: (build, group) for name, build, group in cases()}


@pytest.mark.parametrize("name", CASES)
def test_members_are_equivariant_and_both_ways_agree(name):
    build, group = CASES[name]
    action, space, library, values = build(group)
    found = admitted(action, space, library, values)
    terms, conditions = bound_conditions(library, action, None, values, space)
    try:
        offset, basis, gap = sampled_coefficients(terms, conditions, 1e-9)
    except InconsistentError:
        assert found is None
        return
    if found is None:
        assert not len(basis)
        assert not offset.any()
        return
    assert gap > 1e4
    exact = found.basis.array.reshape(found.dimension, -1)
    both = np.concatenate([exact / np.linalg.norm(exact, axis=1, keepdims=True), basis.reshape(len(basis), -1)])
    assert len(basis) == found.dimension == np.linalg.matrix_rank(both, tol=1e-7)
    np.testing.assert_allclose(offset, found.offset.array, atol=1e-8)
    xi = found.expand(np.random.default_rng(7).normal(size=found.dimension))
    assert_equivariant(
        lambda x: jnp.tensordot(xi, terms(x), axes=((0,), (0,))), action, space, values=values, rtol=1e-10, samples=8,
        key=jax.random.key(3),
    )  # fmt: skip
