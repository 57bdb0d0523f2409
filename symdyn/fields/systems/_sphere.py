"""Flows on a rotating sphere: vorticity alone, and shallow water."""

from __future__ import annotations

import numpy as np

from symdyn.fields.systems.system import FieldSystem

DAY = 86400.0


def _barotropic(h, vorticity, *, rotation=7.292e-5, viscosity=1e5, radius=6.371e6):
    """vorticity_t = -div((vorticity + 2 rotation sin(lat)) (u, v)) + viscosity laplacian(vorticity); (u, v) = k x
    grad(psi), laplacian(psi) = vorticity
    """
    u, v = h.wind(vorticity, 0 * vorticity)
    absolute = h.points(vorticity) + 2 * rotation * np.sin(h.sphere.latitude.array)[:, None]
    return (-h.vorticity_divergence(absolute * u, absolute * v)[1],)


def _barotropic_linear(h, *, rotation, viscosity, radius):
    return (viscosity * h.laplacian,)


def _shallow_water(h, vorticity, divergence, height, *, rotation=7.292e-5, gravity=9.80616, depth=8000.0, viscosity=1e5,
                   radius=6.371e6):  # fmt: skip
    """wind_t = -(vorticity + 2 rotation sin(lat)) k x wind - grad(gravity height + |wind|^2 / 2); height_t =
    -div(height wind); both with viscosity; height is about depth on average
    """
    u, v = h.wind(vorticity, divergence)
    absolute = h.points(vorticity) + 2 * rotation * np.sin(h.sphere.latitude.array)[:, None]
    around, flux = h.vorticity_divergence(absolute * u, absolute * v)
    energy = h.analysed((u * u + v * v) / 2 / h.cosine**2)
    thick = h.points(height)
    return -flux, around - h.laplacian * (gravity * height + energy), -h.vorticity_divergence(thick * u, thick * v)[1]


def _shallow_water_linear(h, *, rotation, gravity, depth, viscosity, radius):
    return (viscosity * h.laplacian,) * 3


def _random_vorticity(key, h, parameters, highest: int = 8, speed: float = 15.0):
    """A wind without divergence of root mean square `speed`, in all degrees from 2 to `highest` with as much energy."""
    import jax

    m, degree = np.indices((highest + 1, highest + 1))
    draws = np.asarray(jax.random.normal(key, (2, highest + 1, highest + 1), "float64"))
    size = np.where((degree >= m) & (degree >= 2), np.sqrt(degree * (degree + 1.0) / (2 * degree + 1)), 0.0)
    some = size * (draws[0] + 1j * np.where(m > 0, draws[1], 0.0))
    out = np.zeros(h.shape, complex)
    n = min(highest, h.truncation) + 1
    out[:n, :n] = some[:n, :n]
    u, v = (np.asarray(each) for each in h.wind(out, 0 * out))
    energy = np.sum((u**2 + v**2) * h.secant2[:, None] * h.sphere.weights) / h.sphere.weights.sum()
    return out * (speed / np.sqrt(energy))


def _start_barotropic(key, h, parameters):
    return (_random_vorticity(key, h, parameters),)


def _start_shallow_water(key, h, parameters):
    """A wind without divergence and the height under which its divergence has no rate: slow at first."""
    vorticity = _random_vorticity(key, h, parameters)
    height = np.zeros(h.shape, complex)
    height[0, 0] = parameters["depth"] * np.sqrt(2.0)
    rate = np.asarray(_shallow_water(h, vorticity, 0 * vorticity, height, **parameters)[1])
    inverse = np.where(h.laplacian == 0, 0.0, 1 / np.where(h.laplacian == 0, 1.0, h.laplacian))
    return vorticity, 0 * vorticity, height + rate * inverse / parameters["gravity"]


def _winds(h, fields, parameters):
    """The wind by its components, as values."""
    u, v = h.wind(fields["vorticity"], fields.get("divergence", 0 * fields["vorticity"]))
    return {"u": u / h.cosine, "v": v / h.cosine}


_UNITS = {"vorticity": "s-1", "divergence": "s-1", "height": "m", "u": "m s-1", "v": "m s-1", "time": "s"}
_SPHERE = {"axes": ("lat", "lon"), "length": (0.0, 0.0), "units": _UNITS, "also": _winds}

SPHERE: tuple[FieldSystem, ...] = (
    FieldSystem(
        "barotropic_vorticity", "Vorticity of a flow without divergence on a rotating sphere", _barotropic,
        _barotropic_linear, _start_barotropic, shape=(48, 96), span=(5 * DAY, 3 * 3600.0), variables=("vorticity",),
        citation="Haurwitz (1940), The motion of atmospheric disturbances on the spherical earth, J. Mar. Res. 3",
        **_SPHERE,
    ),
    FieldSystem(
        "shallow_water", "Shallow water on a rotating sphere", _shallow_water, _shallow_water_linear,
        _start_shallow_water, shape=(48, 96), span=(2 * DAY, 1800.0),
        variables=("vorticity", "divergence", "height"),
        citation="Williamson et al. (1992), A standard test set for numerical approximations to the shallow water "
        "equations in spherical geometry, J. Comput. Phys. 102, 211",
        **_SPHERE,
    ),
)  # fmt: skip
