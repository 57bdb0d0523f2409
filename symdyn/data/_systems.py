"""The systems that `symdyn.data.systems` integrates: one function and one row each.

A function's docstring is the equations; its keyword arguments are the parameters with their defaults.
"""

from __future__ import annotations

import numpy as np

from symdyn.data._rational_systems import RATIONAL
from symdyn.data._system import System, box


def _lorenz(t, x, y, z, *, sigma=10.0, rho=28.0, beta=8.0 / 3.0):
    """x' = sigma (y - x); y' = x (rho - z) - y; z' = x y - beta z"""
    return sigma * (y - x), x * (rho - z) - y, x * y - beta * z


def _lorenz96(t, x, *, forcing=8.0):
    """x_i' = (x_{i+1} - x_{i-2}) x_{i-1} - x_i + forcing, indices periodic"""
    import jax.numpy as jnp

    return ((jnp.roll(x, -1) - jnp.roll(x, 2)) * jnp.roll(x, 1) - x + forcing,)


def _rossler(t, x, y, z, *, a=0.2, b=0.2, c=5.7):
    """x' = -y - z; y' = x + a y; z' = b + z (x - c)"""
    return -y - z, x + a * y, b + z * (x - c)


def _kepler(t, position, velocity, *, gm=1.0):
    """position' = velocity; velocity' = -gm position / |position|^3"""
    return velocity, -gm * position / _norm(position) ** 3


def _harmonic_oscillator(t, position, velocity, *, frequency=1.0):
    """position' = velocity; velocity' = -frequency^2 position"""
    return velocity, -(frequency**2) * position


def _damped_oscillator(t, x, y, *, damping=0.1, frequency=1.0):
    """x' = -damping x - frequency y; y' = frequency x - damping y"""
    return -damping * x - frequency * y, frequency * x - damping * y


def _hopf(t, x, y, *, growth=1.0, frequency=1.0, saturation=1.0):
    """x' = growth x - frequency y - saturation x (x^2 + y^2); y' = frequency x + growth y - saturation y (x^2 + y^2)"""
    damping = growth - saturation * (x * x + y * y)
    return damping * x - frequency * y, frequency * x + damping * y


def _van_der_pol(t, x, y, *, mu=1.0):
    """x' = y; y' = mu (1 - x^2) y - x"""
    return y, mu * (1 - x * x) * y - x


def _duffing(t, x, v, *, damping=0.3, linear=-1.0, cubic=1.0, drive=0.5, frequency=1.2):
    """x' = v; v' = -damping v - linear x - cubic x^3 + drive cos(frequency t)"""
    import jax.numpy as jnp

    return v, -damping * v - linear * x - cubic * x**3 + drive * jnp.cos(frequency * t)


def _pendulum(t, angle, angular_velocity, *, frequency=1.0, damping=0.0):
    """angle' = angular_velocity; angular_velocity' = -frequency^2 sin(angle) - damping angular_velocity"""
    import jax.numpy as jnp

    return angular_velocity, -(frequency**2) * jnp.sin(angle) - damping * angular_velocity


def _rigid_body(t, angular_velocity, *, inertia1=1.0, inertia2=2.0, inertia3=3.0):
    """w1' = (inertia2 - inertia3)/inertia1 w2 w3, and so on in turn; w = angular_velocity along the principal axes"""
    import jax.numpy as jnp

    w1, w2, w3 = angular_velocity
    rate = (
        (inertia2 - inertia3) / inertia1 * w2 * w3,
        (inertia3 - inertia1) / inertia2 * w3 * w1,
        (inertia1 - inertia2) / inertia3 * w1 * w2,
    )
    return (jnp.stack(rate),)


def _double_spring_pendulum(
    t, x1, x2, p1, p2, *, mass1=1.0, mass2=1.0, stiffness1=1.0, stiffness2=2.0, length1=1.0, length2=1.0, gravity=1.0
):
    """x' = p / mass; p' = -dH/dx; H = |p1|^2/(2 mass1) + |p2|^2/(2 mass2) + stiffness1 (|x1| - length1)^2/2 +
    stiffness2 (|x1 - x2| - length2)^2/2 + gravity (mass1 x1_z + mass2 x2_z)
    """
    down, arm = -gravity * np.array([0.0, 0.0, 1.0]), x2 - x1
    pull1 = stiffness1 * (1 - length1 / _norm(x1)) * x1
    pull2 = stiffness2 * (1 - length2 / _norm(arm)) * arm
    return p1 / mass1, p2 / mass2, mass1 * down - pull1 + pull2, mass2 * down - pull2


def _lotka_volterra(t, prey, predator, *, growth=2.0 / 3.0, predation=4.0 / 3.0, death=1.0, reproduction=1.0):
    """prey' = growth prey - predation prey predator; predator' = reproduction prey predator - death predator"""
    return growth * prey - predation * prey * predator, reproduction * prey * predator - death * predator


def _selkov(t, x, y, *, inflow=0.75, a=0.1):
    """x' = inflow - a x - x y^2; y' = -y + a x + x y^2"""
    reaction = a * x + x * y * y
    return inflow - reaction, reaction - y


def _growth(t, x, y, *, decay=0.3, coupling=0.1, growth=1.0):
    """x' = -decay x + coupling y^2; y' = growth y"""
    return -decay * x + coupling * y * y, growth * y


def _norm(x):
    return (x * x).sum() ** 0.5


def _ring(inner: float, outer: float):
    """Uniform radius and uniform angle."""

    def sample(key, parameters):
        import jax
        import jax.numpy as jnp

        r, phase = jax.random.uniform(key, (2,), "float64")
        radius, angle = inner + (outer - inner) * r, 2 * jnp.pi * phase
        return jnp.stack([radius * jnp.cos(angle), radius * jnp.sin(angle)])

    return sample


def _cloud(center, spread):
    """Normal around a center."""

    def sample(key, parameters):
        import jax

        return np.asarray(center) + np.asarray(spread) * jax.random.normal(key, np.shape(center), "float64")

    return sample


def _bound_orbits(key, parameters):
    """Orbits of every orientation: |r| in [0.8, 1.2], at 0.8 to 1.2 of the speed of the circle, across the radius."""
    import jax
    import jax.numpy as jnp

    directions, sizes = jax.random.split(key)
    u, w = jax.random.normal(directions, (2, 3), "float64")
    u = u / _norm(u)
    w = w - (w @ u) * u
    radius, speed = jax.random.uniform(sizes, (2,), "float64", 0.8, 1.2)
    return jnp.stack([radius * u, speed * (parameters["gm"] / radius) ** 0.5 * w / _norm(w)])


_AXES = ("x", "y", "z")
_SPRINGS = ((0.0, 0.0, -1.5), (0.0, 0.0, -3.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
_SPRINGS_START = ((0.3, 0.0, -1.5), (0.1, 0.3, -3.0), (0.0, 0.4, 0.0), (-0.3, 0.0, 0.2))
_YANG = "Yang et al. (2024), Symmetry-informed governing equation discovery, NeurIPS"
_STROGATZ = "Strogatz (2015), Nonlinear Dynamics and Chaos"
_GOLDSTEIN = "Goldstein, Poole and Safko (2002), Classical Mechanics"

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(
            "lorenz",
            "Lorenz system",
            _lorenz,
            (-8.0, 7.0, 27.0),
            box((-15.0, -20.0, 10.0), (15.0, 20.0, 40.0)),
            (10.0, 0.01),
            "Lorenz (1963), Deterministic nonperiodic flow, J. Atmos. Sci. 20",
        ),
        System(
            "lorenz96",
            "Lorenz-96 system on a ring of 40 sites",
            _lorenz96,
            ((8.01, *[8.0] * 39),),
            _cloud(((8.0,) * 40,), 1.0),
            (10.0, 0.01),
            "Lorenz (1996), Predictability: a problem partly solved, ECMWF Seminar on Predictability",
            components=tuple(range(40)),
            resizable=True,
        ),
        System(
            "rossler",
            "Rossler system",
            _rossler,
            (1.0, 1.0, 1.0),
            box((-8.0, -8.0, 0.0), (8.0, 8.0, 5.0)),
            (50.0, 0.05),
            "Rossler (1976), An equation for continuous chaos, Phys. Lett. A 57",
        ),
        System(
            "kepler",
            "Kepler problem in three dimensions",
            _kepler,
            ((1.0, 0.0, 0.0), (0.0, 1.1, 0.2)),
            _bound_orbits,
            (20.0, 0.05),
            _GOLDSTEIN,
            components=_AXES,
            kinematics=(("position", "velocity"),),
        ),
        System(
            "harmonic_oscillator",
            "Isotropic harmonic oscillator in the plane",
            _harmonic_oscillator,
            ((1.0, 0.0), (0.3, 0.8)),
            box(((-1.0, -1.0),) * 2, ((1.0, 1.0),) * 2),
            (20.0, 0.05),
            _GOLDSTEIN,
            components=("x", "y"),
            kinematics=(("position", "velocity"),),
        ),
        System(
            "damped_oscillator",
            "Damped rotation in the plane",
            _damped_oscillator,
            (1.0, 0.0),
            _ring(0.5, 2.0),
            (20.0, 0.02),
            _YANG,
        ),
        System(
            "hopf",
            "Normal form of the supercritical Hopf bifurcation",
            _hopf,
            (0.2, 0.0),
            _ring(0.2, 2.0),
            (10.0, 0.02),
            _STROGATZ,
        ),
        System(
            "van_der_pol",
            "Van der Pol oscillator",
            _van_der_pol,
            (2.0, 0.0),
            box((-3.0, -3.0), (3.0, 3.0)),
            (20.0, 0.02),
            "Van der Pol (1926), Phil. Mag. 2",
        ),
        System(
            "duffing",
            "Driven Duffing oscillator",
            _duffing,
            (1.0, 0.0),
            box((-1.5, -1.0), (1.5, 1.0)),
            (50.0, 0.05),
            _STROGATZ,
        ),
        System(
            "pendulum",
            "Pendulum (zero is the position of rest)",
            _pendulum,
            (2.0, 0.0),
            box((-2.0, -1.0), (2.0, 1.0)),
            (20.0, 0.02),
            _GOLDSTEIN,
            kinematics=(("angle", "angular_velocity"),),
        ),
        System(
            "rigid_body",
            "Free rigid body: Euler's equations",
            _rigid_body,
            ((0.1, 1.0, 0.2),),
            _cloud(((0.0, 0.0, 0.0),), 1.0),
            (20.0, 0.05),
            _GOLDSTEIN,
            components=("1", "2", "3"),
        ),
        System(
            "double_spring_pendulum",
            "Two masses on springs, in three dimensions",
            _double_spring_pendulum,
            _SPRINGS_START,
            _cloud(_SPRINGS, ((0.2,), (0.2,), (0.4,), (0.4,))),
            (30.0, 0.2),
            "Finzi, Benton and Wilson (2021), Residual pathway priors for soft equivariance constraints, NeurIPS",
            components=_AXES,
        ),
        System(
            "lotka_volterra",
            "Lotka-Volterra: prey and predators",
            _lotka_volterra,
            (1.0, 0.9),
            box((0.5, 0.25), (2.0, 1.0)),
            (20.0, 0.02),
            _YANG,
        ),
        System(
            "selkov",
            "Selkov model of glycolysis",
            _selkov,
            (0.7, 0.8),
            box((0.5, 0.5), (1.0, 1.0)),
            (20.0, 0.02),
            _YANG,
        ),
        System(
            "growth",
            "Growth with a scaling symmetry",
            _growth,
            (0.5, 0.5),
            box((0.2, 0.2), (1.0, 1.0)),
            (2.0, 0.002),
            _YANG,
        ),
        *RATIONAL,
    )
}
