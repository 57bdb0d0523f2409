"""Fixed spaces: counts of theory, exactness, and ways to them that must agree."""

import numpy as np
import pytest
import scipy.linalg

import symdyn as sd
from symdyn.groups.catalogue import CATALOGUE

ROTATED = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]


def projector(fixed):
    return fixed.basis @ fixed.basis.T


def by_level(fixed, most: int) -> list[int]:
    return np.bincount(fixed.levels, minlength=most + 1).tolist()


@pytest.mark.parametrize(
    ("space", "group", "output", "counts"),
    [
        (sd.SphereHarmonics(10, 4), sd.Permutations(10), "scalar", [1, 1, 1, 2, 3]),  # partitions without a part 2
        (sd.HermiteFunctions(3, 6), sd.SO(3), "scalar", [1, 0, 1, 0, 1, 0, 1]),  # powers of |x|^2
        (sd.HermiteFunctions(3, 6), sd.SO(3), "vector", [0, 1, 0, 1, 0, 1, 0]),  # x times them
        (sd.HermiteFunctions(2, 5), sd.SO(2), "vector", [0, 2, 0, 2, 0, 2]),  # and x turned by 90 degrees
        (sd.SphereHarmonics(5, 4), sd.SO(5), "scalar", [1, 0, 0, 0, 0]),
        (sd.SphereHarmonics(3, 6), sd.Cube(), "scalar", [1, 0, 0, 0, 1, 0, 1]),
        (sd.TorusWaves(2, 4), sd.T(2), "scalar", [1, 0, 0, 0, 0]),
        (sd.TorusWaves(2, 4), sd.Cyclic(4), "scalar", [1, 1, 1, 0, 1]),
        (sd.HermiteFunctions(6, 3), sd.Signs(6), "scalar", [1, 0, 6, 0]),
    ],
    ids=lambda value: str(value)[:24],
)
def test_counts_are_those_of_theory(space, group, output, counts):
    fixed = sd.fixed_space(space, group, output=output)
    assert by_level(fixed, len(counts) - 1) == counts
    assert fixed.closure < 1e-12
    np.testing.assert_allclose(fixed.basis.T @ fixed.basis, np.eye(fixed.dimension), atol=1e-12)


def test_rotations_about_an_axis_in_six_dimensions():
    turns = np.zeros((10, 6, 6))
    for k, (i, j) in enumerate((a, b) for a in range(1, 6) for b in range(a + 1, 6)):
        turns[k, i, j], turns[k, j, i] = -1.0, 1.0
    group = sd.Group("SO(5) about the first axis", sd.LieAlgebra("so(5)", turns))
    fixed = sd.fixed_space(sd.HermiteFunctions(6, 4), group)
    assert by_level(fixed, 4) == [k // 2 + 1 for k in range(5)]


@pytest.mark.parametrize("space", [sd.TorusWaves(3, 5), sd.HermiteFunctions(3, 5)], ids=["torus", "hermite"])
@pytest.mark.parametrize("group", [sd.Permutations(3), sd.CyclicShifts(3), sd.Permutations(3) + sd.Signs(3)], ids=str)
def test_all_ways_to_the_space_agree(space, group):
    ways = [sd.fixed_space(space, group, method=m) for m in ("auto", "orbits", "laplacian", "svd")]
    for other in ways[1:]:
        np.testing.assert_allclose(projector(ways[0]), projector(other), atol=1e-12)
        assert by_level(other, 5) == by_level(ways[0], 5)


def test_glides_and_screws_leave_waves_out():
    """A glide by half a period: waves across it that are odd along it are absent."""
    glide, shift = np.array([[[1.0, 0], [0, -1]]]), [[0.5, 0.0]]
    space = sd.TorusWaves(2, 5)
    one, other = (sd.fixed_space(space, glide, offsets=shift, method=m) for m in ("orbits", "svd"))
    np.testing.assert_allclose(projector(one), projector(other), atol=1e-12)
    x = space.draw(50)
    values = space(x) @ one.basis
    np.testing.assert_allclose(space(x * [1, -1] + [0.5, 0]) @ one.basis, values, atol=1e-12)
    odd = [k for k, (a, b) in enumerate(space.half) if a % 2 and b == 0]
    assert not np.abs(one.basis[odd]).any()


def test_relative_invariants_change_sign():
    minus = np.array([[[-1.0]]]), np.zeros((0, 1, 1))
    space = sd.HermiteFunctions(2, 3)
    odd = sd.fixed_space(space, -np.eye(2)[None], output=minus)
    assert by_level(odd, 3) == [0, 2, 0, 4]
    x = space.draw(20)
    np.testing.assert_allclose(space(-x) @ odd.basis, -space(x) @ odd.basis, atol=1e-12)


def test_a_group_that_is_not_compact():
    fixed = sd.fixed_space(sd.HermiteFunctions(4, 4), sd.Lorentz(3))
    assert fixed.dimension == 3  # powers of the interval: of mixed degree in these functions


def test_representations_multiply_and_are_orthogonal():
    space = sd.SphereHarmonics(3, 3)
    a, b = sd.Cube(False).elements.array[:2]
    R, _, closure = sd.representation(space, np.stack([a, b, a @ b]))
    assert closure < 1e-12
    np.testing.assert_allclose(R[0].T @ R[1].T, R[2].T, atol=1e-12)
    _, (rate, *_), _ = sd.representation(space, sd.SO(3))
    np.testing.assert_allclose(rate, -rate.T, atol=1e-12)


def test_random_subsets_find_what_generators_give():
    space = sd.SphereHarmonics(4, 3)

    def draw(rng):
        q, r = np.linalg.qr(rng.normal(size=(4, 4)))
        return q * np.sign(np.diag(r))

    found = sd.random_subset(space, draw, patience=30)
    np.testing.assert_allclose(projector(found.fixed), projector(sd.fixed_space(space, sd.O(4))), atol=1e-9)
    assert len(found.elements) <= 4
    again = sd.random_subset(sd.HermiteFunctions(2, 2), lambda rng: np.eye(2) * rng.choice([-1, 1]), delta=1e-6)
    assert again.fixed.dimension == 4
    assert again.draws >= 36


def compact_groups() -> dict[str, sd.Group]:
    """Those of the catalogue that act by orthogonal matrices."""
    found = {}
    for name, make in CATALOGUE.items():
        group = make()
        fields, one = group.algebra.generators, np.eye(group.algebra.n)
        rates = fields.linear_part if group.algebra.dimension and fields.degree <= 1 else np.zeros((0, *one.shape))
        linear = len(rates) == group.algebra.dimension and not np.any(fields.at(np.zeros((1, len(one)))))
        turning = linear and np.allclose(rates, -np.swapaxes(rates, 1, 2))
        if turning and all(np.allclose(g @ g.T, one) for g in group.elements.array):
            found[name] = group
    return found


def test_random_subsets_agree_with_generators_on_every_compact_group():
    """Elements of the whole group at random: exponentials of random generators, times words of its discrete ones."""
    groups = compact_groups()
    assert {"SO(4)", "O(3)", "SU(3), conjugation", "U(2)", "Icosahedron(True)", "Permutations(4)"} <= set(groups)
    assert len(groups) >= 28
    for name, group in groups.items():
        space = sd.HermiteFunctions(group.algebra.n, 3)
        rates = group.algebra.generators.linear_part if group.algebra.dimension else np.zeros((0, group.algebra.n, 1))

        def draw(rng, group=group, rates=rates):
            g = np.eye(group.algebra.n)
            if len(rates):
                g = scipy.linalg.expm(np.einsum("g,gij->ij", rng.normal(0, 3, len(rates)), rates))
            for k in rng.integers(0, len(group.elements.array), 12) if len(group.elements.array) else ():
                g = g @ group.elements.array[k] if rng.random() < 0.7 else g
            return g

        found, wanted = sd.random_subset(space, draw, patience=25), sd.fixed_space(space, group)
        np.testing.assert_allclose(projector(found.fixed), projector(wanted), atol=1e-8, err_msg=name)


@pytest.mark.parametrize(
    ("space", "group", "options", "message"),
    [
        (sd.HermiteFunctions(2, 2), sd.SO(3), {}, "moves 3 coordinates, the space has 2"),
        (sd.SphereHarmonics(2, 2), 1.3 * np.eye(2)[None], {}, "leads off the domain"),
        (sd.SphereHarmonics(2, 2), sd.Scaling() * sd.Scaling(), {}, "leads off the domain"),
        (sd.TorusWaves(2, 2), ROTATED[None, :2, :2], {}, "leads out of the space"),
        (sd.TorusWaves(1, 2), np.zeros((1, 1, 1)), {}, "has none"),
        (sd.HermiteFunctions(2, 2), sd.Signs(2), {"method": "qr"}, "method is"),
        (sd.SphereHarmonics(2, 2), sd.Parity(2), {"method": "orbits"}, "is for TorusWaves"),
        (sd.HermiteFunctions(2, 2), sd.Signs(2), {"output": "tensor"}, "output is"),
        (sd.HermiteFunctions(2, 2), sd.Signs(2), {"offsets": [[1.0, 2.0]]}, "offsets need the shape"),
        (sd.HermiteFunctions(2, 2), sd.Signs(2), {"output": (np.ones((1, 1, 1)), np.ones((0, 1, 1)))}, "2 matrices"),
        (sd.HermiteFunctions(2, 2), sd.Projective(2), {"output": "vector"}, "linear and affine"),
    ],
)
def test_what_does_not_fit_is_named(space, group, options, message):
    with pytest.raises(sd.InputError, match=message):
        sd.fixed_space(space, group, **options)


def test_spaces_name_what_they_do_not_take():
    for make, message in (
        (lambda: sd.SphereHarmonics(3, 2)(np.ones((2, 3))), "off the domain"),
        (lambda: sd.HermiteFunctions(3, 2)(np.ones((2, 2))), r"shape \(m, 3\)"),
        (lambda: sd.HermiteFunctions(3, 2)(np.full((2, 3), np.nan)), "2 points have missing values"),
        (lambda: sd.TorusWaves(12, 9), "more than 60000 waves"),
        (lambda: sd.HermiteFunctions(40, 6), "lower the degree"),
        (lambda: sd.PowerSums(1, 2), "dimension >= 2"),
        (lambda: sd.OwnFeatures(lambda x: x, np.ones((3, 2))), "4 points or more"),
        (lambda: sd.OwnFeatures(lambda x: x, np.ones((5, 2))), "linearly dependent"),
    ):
        with pytest.raises(sd.InputError, match=message):
            make()


@pytest.mark.parametrize(
    "space",
    [sd.TorusWaves(2, 3), sd.SphereHarmonics(4, 3), sd.HermiteFunctions(2, 3), sd.PowerSums(4, 4)],
    ids=lambda s: type(s).__name__,
)
def test_functions_are_orthonormal(space):
    values = space(space.draw(60_000, 3))
    gram = values.T @ values / len(values)
    np.testing.assert_allclose(gram, np.eye(space.size), atol=0.12)
    assert len(space.levels) == len(space.eigenvalues) == space.size
