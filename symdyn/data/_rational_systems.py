"""Systems whose rates are quotients: kinetics of enzymes, and a double pendulum in its angles.

Written as those of `symdyn.data._systems`.
"""

from __future__ import annotations

from symdyn.data._system import System, box


def _michaelis_menten(t, x, *, inflow=0.6, rate=1.5, half=0.3):
    """x' = inflow - rate x / (half + x)"""
    return (inflow - rate * x / (half + x),)


def _glycolysis(
    t, s1, s2, s3, s4, s5, s6, s7, *, inflow=2.5, k1=100.0, k2=6.0, k3=16.0, k4=100.0, k5=1.28, k6=12.0, loss=1.8,
    exchange=13.0, half=0.52, volume=0.1, total_n=1.0, total_a=4.0,
):  # fmt: skip
    """s1' = inflow - v; s2' = 2 v - k2 s2 (total_n - s5) - k6 s2 s5; s3' = k2 s2 (total_n - s5) - k3 s3 (total_a - s6);
    s4' = k3 s3 (total_a - s6) - k4 s4 s5 - exchange (s4 - s7); s5' = k2 s2 (total_n - s5) - k4 s4 s5 - k6 s2 s5;
    s6' = -2 v + 2 k3 s3 (total_a - s6) - k5 s6; s7' = volume exchange (s4 - s7) - loss s7;
    v = k1 s1 s6 / (1 + (s6 / half)^4)
    """
    v = k1 * s1 * s6 / (1 + (s6 / half) ** 4)
    v2, v3, v4, v6 = k2 * s2 * (total_n - s5), k3 * s3 * (total_a - s6), k4 * s4 * s5, k6 * s2 * s5
    out = exchange * (s4 - s7)
    first = inflow - v, 2 * v - v2 - v6, v2 - v3, v3 - v4 - out
    return *first, v2 - v4 - v6, 2 * (v3 - v) - k5 * s6, volume * out - loss * s7


def _double_pendulum(t, angle1, angle2, rate1, rate2, *, mass1=1.0, mass2=1.0, length1=1.0, length2=1.0, gravity=9.81):
    """angle' = rate; with d = angle1 - angle2: (mass1 + mass2) length1 rate1' + mass2 length2 cos(d) rate2' =
    -mass2 length2 sin(d) rate2^2 - (mass1 + mass2) gravity sin(angle1); length1 cos(d) rate1' + length2 rate2' =
    length1 sin(d) rate1^2 - gravity sin(angle2)
    """
    import jax.numpy as jnp

    both, d = mass1 + mass2, angle1 - angle2
    a, b = both * length1, mass2 * length2 * jnp.cos(d)
    c, e = length1 * jnp.cos(d), length2
    f = -mass2 * length2 * jnp.sin(d) * rate2**2 - both * gravity * jnp.sin(angle1)
    g = length1 * jnp.sin(d) * rate1**2 - gravity * jnp.sin(angle2)
    determinant = a * e - b * c
    return rate1, rate2, (e * f - b * g) / determinant, (a * g - c * f) / determinant


RATIONAL: tuple[System, ...] = (
    System(
        "michaelis_menten",
        "Michaelis-Menten kinetics with a steady inflow",
        _michaelis_menten,
        (4.0,),
        box((0.0,), (6.0,)),
        (5.0, 0.1),
        "Kaheman, Kutz and Brunton (2020), SINDy-PI, Proc. R. Soc. A 476, 20200279",
    ),
    System(
        "glycolysis",
        "Yeast glycolysis",
        _glycolysis,
        (1.187, 0.193, 0.05, 0.115, 0.077, 2.475, 0.077),
        box((0.0,) * 7, (2.0,) * 7),
        (5.0, 0.05),
        "Ruoff et al. (2003), Biophys. Chem. 106; Daniels and Nemenman (2015), PLoS ONE 10",
    ),
    System(
        "double_pendulum",
        "Double pendulum (zero is the position of rest)",
        _double_pendulum,
        (1.5, 2.0, 0.0, 0.0),
        box((-2.0, -2.0, -1.0, -1.0), (2.0, 2.0, 1.0, 1.0)),
        (5.0, 0.01),
        "Goldstein, Poole and Safko (2002), Classical Mechanics",
        kinematics=(("angle1", "rate1"), ("angle2", "rate2")),
    ),
)
