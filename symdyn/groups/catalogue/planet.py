"""Symmetries of flows on a planet: barotropic vorticity on a beta plane, and rotations of the sphere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp

from symdyn._errors import InputError
from symdyn.groups.catalogue.blocks import check_positive, check_size

if TYPE_CHECKING:
    from symdyn.groups.action import Action


def _power(time: str, k: int, factor: int = 1, rest: str = "") -> str:
    """The text factor t^k rest."""
    pieces = [str(factor), *([f"{time}^{k}"] if k else []), *([rest] if rest else [])]
    return " ".join(pieces)


def beta_plane_fields(t: str, x: str, y: str, psi: str, degree: int, beta: bool) -> dict[str, dict[str, str]]:
    """The fields of `beta_plane` as text, by label; those of scalings begin with "scaling"."""
    fields: dict[str, dict[str, str]] = {"translation_t": {t: "1"}, "translation_y": {y: "1"}}
    for k in range(degree + 1):
        slope = {psi: _power(t, k - 1, -k, y)} if k else {}
        fields[f"frame_x_{k}"] = {x: _power(t, k)} | slope
        fields[f"shift_{k}"] = {psi: _power(t, k)}
    if beta:
        return fields | {"scaling": {t: t, x: f"-{x}", y: f"-{y}", psi: f"-3 {psi}"}}
    del fields["translation_y"]  # it is frame_y_0
    for k in range(degree + 1):
        fields[f"frame_y_{k}"] = {y: _power(t, k)} | ({psi: _power(t, k - 1, k, x)} if k else {})
    fields["rotation"] = {x: f"-{y}", y: x}
    fields["spin"] = {x: f"-{t} {y}", y: f"{t} {x}", psi: f"{x}^2 / 2 + {y}^2 / 2"}
    fields["scaling_t"] = {t: t, psi: f"-{psi}"}
    return fields | {"scaling_x": {x: x, y: y, psi: f"2 {psi}"}}


def beta_plane(
    time: str = "t",
    x: str = "x",
    y: str = "y",
    streamfunction: str = "psi",
    *,
    degree: int = 1,
    beta: bool = True,
    scaling: bool = True,
) -> Action:
    """The point symmetries of zeta_t + psi_x zeta_y - psi_y zeta_x + beta psi_x = 0, zeta = psi_xx + psi_yy.

    For any beta: d_t, d_y, f(t) d_x - f'(t) y d_psi, f(t) d_psi, and t d_t - x d_x - y d_y - 3 psi d_psi. With
    `beta=False`, the plane that does not rotate, besides: f(t) d_y + f'(t) x d_psi, the rotation x d_y - y d_x, the
    steadily turning frame t (x d_y - y d_x) + (x^2 + y^2) / 2 d_psi, and two scalings t d_t - psi d_psi and
    x d_x + y d_y + 2 psi d_psi in place of one. The wind is u = -psi_y, v = psi_x.

    The algebra is infinite; here f = 1, t, ..., t^degree. They act as an `Action`, which need not close.

    Parameters
    ----------
    time, x, y, streamfunction: names of the coordinates and of the field.
    degree: the highest power of time.
    beta: whether the planet breaks the symmetry between the axes.
    scaling: whether the scalings are among them. They multiply the left-hand side of the equation by a number, all
        others leave it as it is.

    Reference: Bihlo and Popovych 2009, J. Math. Phys. 50, 123102.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.beta_plane(degree=0)
    polynomial(translation_t, translation_y, frame_x_0, shift_0, scaling)
    """
    from symdyn.groups.action import Action

    check_size("beta_plane", degree, 0, "degree")
    names = (time, x, y, streamfunction)
    if len(set(names)) != 4:
        raise InputError(f"beta_plane needs four different names, got {names}")
    fields = beta_plane_fields(*names, degree, beta)
    wanted = {label: field for label, field in fields.items() if scaling or not label.startswith("scaling")}
    return Action.polynomial(wanted, time=time)


@dataclass(frozen=True)
class SphereField:
    """One rotation of the sphere as a function from a state to its motion; hashes by value."""

    axis: str
    longitude: str
    latitude: str
    time: str | None
    rate: float
    radius: float
    winds: tuple[tuple[str, str], ...]
    streamfunctions: tuple[str, ...]

    def __call__(self, state: dict[str, Any]) -> dict[str, Any]:
        phi = state[self.latitude]
        if self.axis == "z":
            return {self.longitude: jnp.ones_like(phi)}
        longitude = state[self.longitude]
        if self.time is not None:
            longitude = longitude + self.rate * state[self.time]  # seen from the stars
        c, s = jnp.cos(longitude), jnp.sin(longitude)
        c, s = (c, s) if self.axis == "x" else (s, -c)  # (d lambda, d phi) = (-c tan phi, s)
        omega = -c / jnp.cos(phi)  # how fast the directions east and north turn on the way
        moved = {self.longitude: -c * jnp.tan(phi), self.latitude: s}
        for u, v in self.winds:
            eastward = state[u] + self.rate * self.radius * jnp.cos(phi)
            moved[u] = omega * state[v] + self.rate * self.radius * jnp.sin(phi) * s
            moved[v] = -omega * eastward
        for name in self.streamfunctions:
            moved[name] = jnp.broadcast_to(self.rate * self.radius**2 * jnp.cos(phi) * s, jnp.shape(state[name]))
        return moved


def sphere_rotations(
    longitude: str = "lon",
    latitude: str = "lat",
    *,
    time: str | None = None,
    rate: float = 0.0,
    radius: float = 1.0,
    winds: Sequence[tuple[str, str]] = (),
    scalars: Sequence[str] = (),
    streamfunctions: Sequence[str] = (),
) -> Action:
    """The three right-handed rotations of a sphere in longitude and latitude (radians), with what they do to a flow.

    K_z = d_lambda, K_x = -cos(lambda) tan(phi) d_lambda + sin(lambda) d_phi, and K_y the same a quarter turn further,
    -sin(lambda) tan(phi) d_lambda - cos(lambda) d_phi. Winds (east, north) move by du = omega v, dv = -omega u with
    omega_x = -cos(lambda) / cos(phi), omega_y = -sin(lambda) / cos(phi), omega_z = 0.

    On a planet that turns at `rate`, the motions that a fluid keeps are those seen from the stars: lambda + rate t in
    place of lambda. Relative winds then change by du = omega v + rate a sin(phi) K^phi and
    dv = -omega (u + rate a cos(phi)), so that the absolute wind turns as a vector; a stream function, with
    u = -psi_phi / a, by rate a^2 cos(phi) K^phi.

    The fields are singular at the poles: leave out data beyond 89 degrees.

    Parameters
    ----------
    longitude, latitude, time: names of coordinates; `time` is needed where `rate` is not zero.
    rate: radians per unit of time.
    radius: the radius a, in the unit of length of winds and stream functions.
    winds: pairs of names of eastward and northward components.
    scalars: names of what does not change, absolute vorticity say; only checked, they may be left out.
    streamfunctions: names of stream functions.

    Raises InputError for a rate without time, and for names that occur twice.

    Reference: Cardoso-Bihlo and Popovych 2013, J. Eng. Math. 82, 31.

    Examples
    --------
    >>> import symdyn as sd
    >>> sd.sphere_rotations(winds=[("u", "v")], scalars=["height"])
    fields(rotation_x, rotation_y, rotation_z)
    """
    from symdyn.groups.action import Action

    if (
        any(isinstance(pair, str) or len(pair) != 2 for pair in winds)
        or isinstance(scalars, str)
        or isinstance(streamfunctions, str)
    ):
        raise InputError(
            "sphere_rotations needs winds as pairs of names such as [('u', 'v')] and scalars and streamfunctions as "
            f"lists of names, got {winds!r}, {scalars!r}, {streamfunctions!r}"
        )
    pairs = tuple((u, v) for u, v in winds)
    names = [longitude, latitude, *([] if time is None else [time])]
    names += [*(name for pair in pairs for name in pair), *scalars, *streamfunctions]
    if len(set(names)) != len(names):
        raise InputError(f"sphere_rotations needs different names, got {', '.join(names)}")
    check_positive("sphere_rotations", "radius", radius)
    if rate and time is None:
        raise InputError(f"sphere_rotations needs the name of the time where the planet turns, rate={rate:g}")
    clock = time if rate else None
    settings = (longitude, latitude, clock, float(rate), float(radius), pairs, tuple(streamfunctions))
    return Action.from_fields({f"rotation_{axis}": SphereField(axis, *settings) for axis in "xyz"})
