"""Partial differential equations on periodic axes: two functions and one row each.

The docstring of the first function is the equations; its keyword arguments are the parameters with their defaults. It
gives the rates without the linear part, which the second one gives as a factor of each wave.
"""

from __future__ import annotations

import numpy as np

from symdyn.fields.systems.system import FieldSystem, random_waves


def _heat(w, u, *, diffusivity=1.0):
    """u_t = diffusivity u_xx"""
    return (0.0 * u,)


def _heat_linear(w, *, diffusivity):
    return (diffusivity * w.laplacian,)


def _burgers(w, u, *, viscosity=0.05):
    """u_t = -u u_x + viscosity u_xx"""
    return (-0.5 * w.derivative("x") * w.transformed(w.points(u) ** 2),)


def _burgers_linear(w, *, viscosity):
    return (viscosity * w.laplacian,)


def _kdv(w, u, *, steepening=6.0, dispersion=1.0):
    """u_t = -steepening u u_x - dispersion u_xxx"""
    return (-0.5 * steepening * w.derivative("x") * w.transformed(w.points(u) ** 2),)


def _kdv_linear(w, *, steepening, dispersion):
    return (-dispersion * w.derivative("x", 3),)


def _kuramoto_sivashinsky(w, u):
    """u_t = -u u_x - u_xx - u_xxxx"""
    return (-0.5 * w.derivative("x") * w.transformed(w.points(u) ** 2),)


def _kuramoto_sivashinsky_linear(w):
    return (-w.laplacian - w.laplacian**2,)


def _porous_medium(w, u, *, diffusivity=0.2):
    """u_t = diffusivity (u^2)_xx"""
    squares = w.transformed(w.points(u) ** 2)
    return (diffusivity * w.laplacian * (squares - 2 * START * u),)


def _porous_medium_linear(w, *, diffusivity):
    return (2 * START * diffusivity * w.laplacian,)


def _wave(w, u, v, *, speed=1.0):
    """u_t = v; v_t = speed^2 u_xx"""
    return v, speed**2 * w.laplacian * u


def _klein_gordon(w, u, v, *, mass=1.0, coupling=1.0):
    """u_t = v; v_t = u_xx - mass^2 u - coupling u^3"""
    return v, (w.laplacian - mass**2) * u - coupling * w.transformed(w.points(u) ** 3)


def _sine_gordon(w, u, v, *, strength=1.0):
    """u_t = v; v_t = u_xx - strength sin(u)"""
    import jax.numpy as jnp

    return v, w.laplacian * u - strength * w.transformed(jnp.sin(w.points(u)))


def _nls(w, u, v, *, dispersion=0.5, coupling=1.0):
    """u_t = dispersion v_xx + coupling (u^2 + v^2) v; v_t = -dispersion u_xx - coupling (u^2 + v^2) u"""
    a, b = w.points(u), w.points(v)
    square = coupling * (a * a + b * b)
    return (
        dispersion * w.laplacian * v + w.transformed(square * b),
        -dispersion * w.laplacian * u - w.transformed(square * a),
    )


def _none(w, **parameters):
    return (np.zeros(w.shape), np.zeros(w.shape))


def _lambda_omega(w, u, v, *, diffusivity=0.1, beta=1.0):
    """u_t = diffusivity (u_xx + u_yy) + (1 - u^2 - v^2) u + beta (u^2 + v^2) v;
    v_t = diffusivity (v_xx + v_yy) - beta (u^2 + v^2) u + (1 - u^2 - v^2) v
    """
    a, b = w.points(u), w.points(v)
    square = a * a + b * b
    return w.transformed(square * (beta * b - a)), w.transformed(-square * (beta * a + b))


def _lambda_omega_linear(w, *, diffusivity, beta):
    return (diffusivity * w.laplacian + 1.0,) * 2


def _advection_diffusion(w, u, *, wind_x=1.0, wind_y=-0.5, diffusivity=0.05):
    """u_t = -wind_x u_x - wind_y u_y + diffusivity (u_xx + u_yy)"""
    return (0.0 * u,)


def _advection_diffusion_linear(w, *, wind_x, wind_y, diffusivity):
    return (diffusivity * w.laplacian - wind_x * w.derivative("x") - wind_y * w.derivative("y"),)


def _navier_stokes(w, vorticity, *, viscosity=0.01):
    """vorticity_t = -(u vorticity)_x - (v vorticity)_y + viscosity (vorticity_xx + vorticity_yy);
    u = -psi_y, v = psi_x, psi_xx + psi_yy = vorticity
    """
    q, (u, v) = w.points(vorticity), _wind(w, vorticity)
    flux = [w.transformed(w.points(each) * q) for each in (u, v)]
    return (-w.derivative("x") * flux[0] - w.derivative("y") * flux[1],)


def _wind(w, vorticity):
    psi = vorticity / np.where(w.laplacian == 0, -np.inf, w.laplacian)
    return -w.derivative("y") * psi, w.derivative("x") * psi


def _navier_stokes_linear(w, *, viscosity):
    return (viscosity * w.laplacian,)


def _navier_stokes_also(w, fields, parameters):
    u, v = _wind(w, fields["vorticity"])
    return {"u": u, "v": v}


START = 1.0  # mean of the start of the porous medium
TURN = 2 * np.pi
_WSINDY = "Messenger and Bortz (2021), Weak SINDy for partial differential equations, J. Comput. Phys. 443, 110525"
_WHITHAM = "Whitham (1974), Linear and Nonlinear Waves"
_RUDY = "Rudy, Brunton, Proctor and Kutz (2017), Data-driven discovery of partial differential equations, Sci. Adv. 3"

_LINE = {"axes": ("x",), "shape": (256,)}
_PLANE = {"axes": ("y", "x"), "shape": (64, 64), "length": (TURN, TURN)}
_PAIR = {"variables": ("u", "v"), "linear": _none}

PERIODIC: tuple[FieldSystem, ...] = (
    FieldSystem(
        "heat", "Heat equation", _heat, _heat_linear, random_waves(highest=6), length=(TURN,), span=(0.2, 0.001),
        citation=_WHITHAM, **_LINE,
    ),
    FieldSystem(
        "burgers", "Burgers' equation; without viscosity valid until the first shock", _burgers, _burgers_linear,
        random_waves(highest=4), length=(TURN,), span=(1.0, 0.005), citation=_WHITHAM, **_LINE,
    ),
    FieldSystem(
        "kdv", "Korteweg-de Vries equation", _kdv, _kdv_linear, random_waves(mean=0.5, highest=4), length=(30.0,),
        span=(6.0, 0.02), citation=_WHITHAM, **_LINE,
    ),
    FieldSystem(
        "wave", "Wave equation", _wave, start=random_waves(rms=(1.0, 1.0), highest=4), length=(TURN,),
        span=(6.0, 0.03), citation=_WHITHAM, **_PAIR, **_LINE,
    ),
    FieldSystem(
        "klein_gordon", "Klein-Gordon equation with a quartic potential", _klein_gordon,
        start=random_waves(rms=(1.0, 1.0), highest=4), length=(20.0,), span=(10.0, 0.05), degree=3, citation=_WHITHAM,
        **_PAIR, **_LINE,
    ),
    FieldSystem(
        "sine_gordon", "Sine-Gordon equation", _sine_gordon, start=random_waves(rms=(2.0, 1.0), highest=4),
        length=(20.0,), span=(10.0, 0.05), degree=3, citation=_WHITHAM, **_PAIR, **_LINE,
    ),
    FieldSystem(
        "nls", "Cubic Schroedinger equation of the wave function u + i v", _nls,
        start=random_waves(rms=(0.7, 0.7), highest=3), length=(20.0,), span=(4.0, 0.016), degree=3, citation=_WSINDY,
        **_PAIR, **_LINE,
    ),
    FieldSystem(
        "porous_medium", "Porous medium equation", _porous_medium, _porous_medium_linear,
        random_waves(rms=(0.3,), mean=START, highest=4), length=(TURN,), span=(1.0, 0.005),
        citation="Vazquez (2007), The Porous Medium Equation", **_LINE,
    ),
    FieldSystem(
        "kuramoto_sivashinsky", "Kuramoto-Sivashinsky equation", _kuramoto_sivashinsky, _kuramoto_sivashinsky_linear,
        random_waves(highest=8), length=(32 * np.pi,), span=(100.0, 0.4), citation=_WSINDY, **_LINE,
    ),
    FieldSystem(
        "lambda_omega", "Reaction and diffusion of lambda-omega type in the plane", _lambda_omega, _lambda_omega_linear,
        random_waves(rms=(0.7, 0.7), highest=3), axes=("y", "x"), shape=(64, 64), length=(20.0, 20.0),
        span=(10.0, 0.1), degree=3, variables=("u", "v"), citation=_RUDY,
    ),
    FieldSystem(
        "advection_diffusion", "Advection and diffusion in the plane", _advection_diffusion,
        _advection_diffusion_linear, random_waves(highest=4), span=(2.0, 0.02), citation=_WHITHAM, **_PLANE,
    ),
    FieldSystem(
        "navier_stokes", "Vorticity of an incompressible flow in the plane", _navier_stokes, _navier_stokes_linear,
        random_waves(rms=(2.0,), highest=4), span=(4.0, 0.05), variables=("vorticity",), citation=_RUDY,
        also=_navier_stokes_also, **_PLANE,
    ),
)  # fmt: skip
