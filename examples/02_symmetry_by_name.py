# ---
# jupytext:
#   text_representation:
#     extension: .py
#     format_name: percent
# kernelspec:
#   display_name: Python 3
#   language: python
#   name: python3
# ---

# %% [markdown]
# # Symmetry by name
#
# A symmetry that is known before any data arrive says which laws are possible at all. Here it is given by its name:
# which group acts, and how each quantity transforms. `enforce` turns that into the coefficients that a library may
# have, exactly where the library is of monomials. The page goes from rotations of a force to moving frames, to the
# relativity of a field, to a group of one's own, and ends with what a symmetry is worth when data are few and noisy.

# %%
import numpy as np

import symdyn as sd

# %% [markdown]
# ## A force that does not prefer a direction
#
# Sixty coefficients describe a cubic vector field in space. Rotations leave two, and the text says which: the basis is
# a reduced echelon form, with the common factor drawn out.

# %%
space = sd.StateSpace.of(q=3)
cubic = sd.Monomials(3)
admitted = sd.enforce(cubic, sd.SO(3).acting_on(q=sd.Vector), space=space, targets="q")
print(admitted.describe(cubic.on(space), space.component_names))

# %% [markdown]
# In the plane a force may also swirl. A mirror forbids it: the group `O(2)` is `SO(2)` and one reflection.

# %%
plane = sd.StateSpace.of(q=2)
swirl, straight = (
    sd.enforce(cubic, group.acting_on(q=sd.Vector), space=plane, targets="q") for group in (sd.SO(2), sd.O(2))
)
print(swirl.describe(cubic.on(plane), plane.component_names))
print(straight.describe(cubic.on(plane), plane.component_names))

# %% [markdown]
# ## A parameter that turns along
#
# The rotation of a planet singles out an axis; a law for the wind must not forget that the axis would turn too. So the
# rotation vector becomes a variable of the state, without a law of its own. A mirror image of a rotating planet rotates
# the other way round: the vector is axial. Of all quadratic laws, drag and the Coriolis force are left.

# %%
air = sd.StateSpace.of(v=3, omega=3)
turning = sd.enforce(sd.Monomials(2), sd.O(3).acting_on(v=sd.Vector, omega=sd.Axial), space=air, targets="v")
print(turning.describe(sd.Monomials(2).on(air), ("v_x", "v_y", "v_z")))

# %% [markdown]
# ## Fields: a moving observer fixes the convective term
#
# The state of a partial differential equation at a point is its jet: the values and their derivatives. A group acts on
# coordinates and values, and is prolonged to the derivatives. The Galilei group moves the frame, $x \to x + s t$, and
# with it the velocity, $u \to u + s$. That condition is affine, and it fixes a coefficient: $u\,u_x$ gets exactly $-1$.

# %%
jets = sd.StateSpace.jets(("x",), order=3, time="t", u=1)
quadratic = sd.Monomials(2)
galilei = sd.Galilei(1).acting_on(u=sd.Velocity)
moving = sd.enforce(quadratic, galilei, space=jets, targets="u")
print(moving.describe(quadratic.on(jets), "u_t"))

# %% [markdown]
# With the scaling that belongs to the Korteweg-de Vries equation, and its quantities by their weights, only that
# equation is left.

# %%
scaling = sd.Scaling().acting_on(x=sd.Weight(1), t=sd.Weight(3), u=sd.Weight(-2))
kdv = sd.enforce(quadratic, galilei + scaling, space=jets, targets="u")
print(kdv.describe(quadratic.on(jets), "u_t"))
assert kdv.dimension == 1

# %% [markdown]
# ## Space and time alike: a left-hand side chosen among the invariants
#
# The Lorentz group mixes time and space, so a relativistic law has no distinguished left-hand side. On the jets of
# spacetime one asks for the invariant scalars, and then chooses the one that holds $u_{tt}$: the wave operator. What is
# left is to be regressed on.

# %%
spacetime = sd.StateSpace.jets(("t", "x", "y", "z"), order=2, u=1)
second = sd.Monomials(1, variables=("u_tt", "u_tx", "u_ty", "u_tz", "u_xx", "u_xy", "u_xz", "u_yy", "u_yz", "u_zz"))
library = second + sd.Monomials(3, variables=("u",))
scalars = sd.enforce(library, sd.Poincare(3).acting_on(u=sd.Scalar), space=spacetime, values=sd.Scalar)
wave = scalars.solved_for("u_tt", library.on(spacetime))
print(wave.describe(library.on(spacetime), "0"))

# %% [markdown]
# A field may carry indices. The electromagnetic field is an antisymmetric tensor with the six components
# $F^{tx}, F^{ty}, F^{tz}, F^{xy}, F^{xz}, F^{yz}$. Which 4-vectors are linear in its first derivatives? With mirrors
# there is one, the divergence: the left-hand side of Maxwell's equations. Without mirrors its dual joins.

# %%
field = sd.StateSpace.jets(("t", "x", "y", "z"), order=1, F=6)
first = sd.Monomials(1, variables=tuple(f"F_d{axis}" for axis in "txyz"), bias=False)
tensor = sd.Tensor(2, 0, "antisymmetric")
maxwell = sd.enforce(first, sd.Lorentz(3, parity=True).acting_on(F=tensor), space=field, values=sd.Vector)
print(maxwell.describe(first.on(field), ("J_t", "J_x", "J_y", "J_z")))
both = sd.enforce(first, sd.Lorentz(3).acting_on(F=tensor), space=field, values=sd.Vector)
assert (maxwell.dimension, both.dimension) == (1, 2)

# %% [markdown]
# ## Invariants as a library
#
# Instead of constraining coefficients one may write laws in quantities that are symmetric by themselves. Generating
# invariants and equivariants are found degree by degree; their products are the terms.

# %%
phase = sd.StateSpace.of(position=3, velocity=3)
turn = sd.SO(3).acting_on(position=sd.Vector, velocity=sd.Vector)
for term in sd.Equivariants(turn, sd.Vector, 3).on(phase).names:
    print(term)

# %% [markdown]
# ## A group of one's own
#
# Five lines: the generators, checked for closure, and the discrete elements. Here the symmetries of Burgers' equation
# as vector fields on time, place and value, and a group of matrices.

# %%
burgers = sd.Action.polynomial({
    "boost": {"x": "t", "u": "1"},
    "scaling": {"t": "2 t", "x": "x", "u": "-u"},
    "projection": {"t": "t^2", "x": "t x", "u": "x - t u"},
})  # fmt: skip
print(sd.enforce(quadratic, burgers, space=jets, targets="u").describe(quadratic.on(jets), "u_t"))

squeeze = sd.LieAlgebra("squeeze", np.array([[[1.0, 0.0], [0.0, -1.0]]]))
swap = sd.Group("squeeze and swap", squeeze, np.array([[[0.0, 1.0], [1.0, 0.0]]]), ("swap",))
print(sd.enforce(cubic, swap.acting_on(q=sd.Vector), space=plane, targets="q").describe(cubic.on(plane), ("x", "y")))

# %% [markdown]
# What does not fit is refused with what would: generators that do not close, a representation of the wrong size, a
# symmetry that the library cannot express.

# %%
for wrong in (
    lambda: sd.LieAlgebra.of_fields("bent", ("x",), {"a": {"x": "x^2"}, "b": {"x": "x^3"}}),
    lambda: sd.enforce(cubic, sd.SO(3).acting_on(q=sd.Vector), space=plane, targets="q"),
    lambda: sd.enforce(sd.Monomials(2), sd.Parity(2).acting_on(q=sd.Axial), space=plane, targets="q"),
    lambda: sd.enforce(sd.Monomials(1), burgers, space=jets, targets="u"),
):
    try:
        wrong()
    except sd.InputError as error:
        print(f"{error}\n")

# %% [markdown]
# ## What it is worth
#
# A particle in a force that depends on place and velocity: four hundred noisy accelerations at random states, and all
# cubic polynomials of six components as candidates. Without the symmetry 252 coefficients are to be found, with it
# nine. With many data the error of prediction falls as the square root of their ratio, $\sqrt{252 / 9} = 5.3$; with few
# it falls further, because 84 coefficients for each component are then hardly determined.


# %%
def acceleration(r, v):
    """A spring that hardens, a drag, and a force across the velocity."""
    return -r - 0.2 * r * (r**2).sum(-1, keepdims=True) - 0.1 * v + 0.3 * np.cross(r, v)


def error_of_prediction(action, seed):
    rng = np.random.default_rng(seed)
    state = rng.normal(size=(400, 6))
    rate = acceleration(state[:, :3], state[:, 3:])
    data = {
        "time": np.arange(400.0),
        "position": state[:, :3],
        "velocity": state[:, 3:],
        "force": rate + 0.1 * rng.normal(size=rate.shape),
    }
    law = sd.identify(
        data, library=cubic, action=action, solver=sd.LeastSquares(), variables=("position", "velocity"),
        rates={"velocity": "force"}, rate_of="velocity",
    )  # fmt: skip
    fresh = rng.normal(size=(1000, 6))
    found = np.asarray(cubic.on(phase).on_host(fresh.T)).T @ law.coefficients
    return np.sqrt(np.mean((found - acceleration(fresh[:, :3], fresh[:, 3:])) ** 2))


gains = [error_of_prediction(None, seed) / error_of_prediction(turn, seed) for seed in range(20)]
print(
    f"the symmetry lowers the error of prediction {np.median(gains):.1f} times ({min(gains):.1f} to {max(gains):.1f})"
)
assert np.median(gains) > 4
