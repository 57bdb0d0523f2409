"""Systems whose symmetries are known: what is asked, among which candidates, and the answer as fields in text.

Sources: Olver 1993, Applications of Lie Groups to Differential Equations, section 2.4 (heat, Burgers, KdV, wave);
Kuramoto-Sivashinsky: translations and the Galilei boost; Kepler: rotations and the third law as a scaling; a charge in
a field tensor: the Lorentz group; Thomas 1999, Int. J. Bifurc. Chaos 9, 1889 (cyclic); Lorenz 1963, 1996.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

import symdyn as sd
from symdyn.data.systems import SYSTEMS
from symdyn.symmetry.discovery.candidates import resolved

PLANE, SPACE = ("x", "y"), ("x", "y", "z")


@dataclass(frozen=True)
class Known:
    """A question, and the fields that answer it: `trivial` ones apart. `order`: of the discrete group, if asked."""

    name: str
    of: Any
    candidates: Any
    truth: Any
    trivial: Any = None
    options: Mapping[str, Any] = field(default_factory=dict)
    order: int | None = None

    def found(self, **more):
        return sd.find_symmetries(
            self.of, candidates=self.candidates, **{"discrete": self.order is not None, **self.options, **more}
        )

    def sizes(self) -> tuple[int, int]:
        """The numbers of true fields: of interest, and trivial."""
        return _count(self.truth), _count(self.trivial)


def _count(fields: Any) -> int:
    if fields is None:
        return 0
    return len(fields) if isinstance(fields, Mapping) else fields[1]


def angle(known: Known, found) -> float:
    """The sine of the largest angle between the found and the true span, from the fields at random points."""
    truth = [
        sd.Action.polynomial(fields, time=found.place.time or "t") if isinstance(fields, Mapping) else fields[0]
        for fields in (known.truth, known.trivial)
        if fields
    ]
    if not truth and not found.dimension + len(found.trivial):
        return 0.0
    exact, own = resolved(truth, found.place), found.span()
    narrow = {exact.space.size, own.space.size}
    points = np.random.default_rng(1).uniform(-1.5, 1.5, (200, max(narrow)))
    spans = []
    for each in (exact, own):
        late = max(narrow) - each.space.size  # fields without the time do not move it
        values = each.moved(points[:, late:]).reshape(200, -1, each.count)
        values = np.concatenate([np.zeros((200, late, each.count)), values], axis=1).reshape(-1, each.count)
        spans.append(np.linalg.qr(values)[0])
    if spans[0].shape != spans[1].shape:
        return 1.0
    return float(np.linalg.norm(spans[1] - spans[0] @ (spans[0].T @ spans[1]), 2))


def kepler(s):
    return jnp.concatenate([s[3:], -s[:3] / jnp.sum(s[:3] ** 2) ** 1.5])


def thomas(s):
    return jnp.sin(jnp.roll(s, -1)) - 0.2 * s


def lorenz96(s):
    return (jnp.roll(s, -1) - jnp.roll(s, 2)) * jnp.roll(s, 1) - s + 8.0


def springs(s):
    x1, x2, p1, p2 = jnp.split(s, 4)
    return jnp.concatenate(SYSTEMS["double_spring_pendulum"].rhs(0.0, x1, x2, p1, p2))


def lorentz_force(s):
    """f^a = F^ab eta_bc u^c for an antisymmetric F, signature (+, -, -, -)."""
    F = jnp.zeros((4, 4)).at[jnp.triu_indices(4, 1)].set(s[:6])
    return (F - F.T) @ (jnp.array([1.0, -1.0, -1.0, -1.0]) * s[6:])


def _rotations(*names: str) -> dict[str, dict[str, str]]:
    pairs = (("x", "y"), ("x", "z"), ("y", "z"))
    return {a + b: {f"{n}_{b}": f"{n}_{a}" for n in names} | {f"{n}_{a}": f"-{n}_{b}" for n in names} for a, b in pairs}


def _kepler_scaling() -> dict[str, str]:
    places = {f"position_{a}": f"2 position_{a}" for a in SPACE}
    return {"t": "3 t", **places, **{f"velocity_{a}": f"-velocity_{a}" for a in SPACE}}


def jets(order: int, *coordinates: str, time: str | None = "t") -> sd.StateSpace:
    return sd.StateSpace.jets(coordinates or ("x",), order=order, time=time, u=1)


SHIFTS = {"t": {"t": "1"}, "x": {"x": "1"}}
BOOST = {"boost": {"x": "t", "u": "1"}}
BURGERS = SHIFTS | BOOST | {
    "scaling": {"t": "2 t", "x": "x", "u": "-u"},
    "projective": {"t": "t^2", "x": "t x", "u": "x - t u"},
}  # fmt: skip
HEAT = SHIFTS | {
    "scaling": {"t": "2 t", "x": "x"},
    "boost": {"x": "2 t", "u": "-x u"},
    "projective": {"t": "4 t^2", "x": "4 t x", "u": "-2 t u - x^2 u"},
    "multiple": {"u": "u"},
}
HEAT_SOLUTIONS = {k: {"u": text} for k, text in enumerate(("1", "x", "x^2 + 2 t", "x^3 + 6 t x"))}
HEAT_SOLUTIONS = {f"solution_{k}": v for k, v in HEAT_SOLUTIONS.items()}
POINCARE = {
    **{a: {a: "1"} for a in ("t", "x", "y")},
    "boost_x": {"t": "x", "x": "t"},
    "boost_y": {"t": "y", "y": "t"},
    "turn": {"x": "-y", "y": "x"},
}
DILATION = {"dilation": {"t": "t", "x": "x", "y": "y"}}
CONFORMAL = {
    "special_t": {"t": "t^2 + x^2 + y^2", "x": "2 t x", "y": "2 t y", "u": "-t u"},
    "special_x": {"t": "2 t x", "x": "t^2 + x^2 - y^2", "y": "2 x y", "u": "-x u"},
    "special_y": {"t": "2 t y", "x": "2 x y", "y": "t^2 - x^2 + y^2", "u": "-y u"},
}
MULTIPLE = {"multiple": {"u": "u"}}
LINEAR_WAVES = {a: {"u": a} for a in ("1", "t", "x", "y")}
QUADRATIC_WAVES = LINEAR_WAVES | {a: {"u": a} for a in ("t x", "t y", "x y", "t^2 + x^2", "x^2 - y^2")}

_OSCILLATOR = {"x": "u", "y": "v", "u": "-x", "v": "-y"}
_FIELD = sd.StateSpace(
    (
        sd.Variable("F", ("pair",), (("tx", "ty", "tz", "xy", "xz", "yz"),)),
        sd.Variable("u", ("event",), (("t", "x", "y", "z"),)),
        sd.Variable("force", ("event",), (("t", "x", "y", "z"),)),
    )
)


def _on_field(group):
    return group.acting_on(F=sd.Alt(sd.Vector, 2), u=sd.Vector, force=sd.Vector)


def _springs(group):
    return group.acting_on(x1=sd.Vector, x2=sd.Vector, p1=sd.Vector, p2=sd.Vector)


_PHASES = sd.StateSpace.of(x=1, y=1, u=1, v=1)
_LORENZ = {"x": "10 y - 10 x", "y": "28 x - x z - y", "z": "x y - 8/3 z"}
_HOPF = {"x": "x - y - x^3 - x y^2", "y": "x + y - x^2 y - y^3"}
_FLOW = {"kind": "flow"}

KNOWN = (
    Known("Lorenz", _LORENZ, None, None, order=2),
    Known("Lorenz, cubic", _LORENZ, 3, None, {"flow": _LORENZ}),
    Known(
        "Kepler",
        kepler,
        [sd.GL(6), sd.Scalings()],
        _rotations("position", "velocity") | {"scaling": _kepler_scaling()},
        options={**_FLOW, "space": sd.StateSpace.of(position=3, velocity=3)},
    ),
    Known("oscillator, u(2)", _OSCILLATOR, sd.SO(4), (sd.SU(2), 3), {"flow": _OSCILLATOR}),
    Known(
        "oscillator, u(3)",
        {**{a: f"p{a}" for a in SPACE}, **{f"p{a}": f"-{a}" for a in SPACE}},
        sd.SO(6),
        (sd.SU(3), 8),
        {"flow": {**{a: f"p{a}" for a in SPACE}, **{f"p{a}": f"-{a}" for a in SPACE}}},
    ),
    Known("Hopf", _HOPF, None, {"turn": {"x": "-y", "y": "x"}}, order=4),
    Known(
        "rigid body",
        {"x": "-y z", "y": "x z", "z": "-1/3 x y"},
        None,
        {"scaling": {"t": "-t", "x": "x", "y": "y", "z": "z"}},
        order=8,
    ),
    Known(
        "Lorentz force",
        lorentz_force,
        _on_field(sd.GL(4)),
        (_on_field(sd.SO(1, 3)), 6),
        options={"kind": "function", "space": _FIELD, "outputs": "force"},
    ),
    Known(
        "double spring pendulum",
        springs,
        _springs(sd.SO(3)),
        {"z": _rotations("x1", "x2", "p1", "p2")["xy"]},
        options={**_FLOW, "space": sd.StateSpace.of(x1=3, x2=3, p1=3, p2=3)},
    ),
    Known("Thomas", thomas, None, None, options={**_FLOW, "space": sd.StateSpace.of(x=1, y=1, z=1)}, order=6),
    Known(
        "Lorenz-96",
        lorenz96,
        1,
        None,
        options={**_FLOW, "space": sd.StateSpace.of(x=7), "discrete": "shifts"},
        order=7,
    ),
    Known(
        "Lotka-Volterra",
        {"x": "2/3 x - 4/3 x y", "y": "x y - y"},
        3,
        None,
        {"flow": {"x": "2/3 x - 4/3 x y", "y": "x y - y"}},
    ),
    Known("Burgers", {"u": "u_xx - u u_x"}, 2, BURGERS, options={"space": jets(2)}),
    Known(
        "KdV",
        {"u": "-u_xxx - u u_x"},
        2,
        SHIFTS | BOOST | {"scaling": {"t": "3 t", "x": "x", "u": "-2 u"}},
        options={"space": jets(3)},
    ),
    Known("Kuramoto-Sivashinsky", {"u": "-u_xx - u_xxxx - u u_x"}, 2, SHIFTS | BOOST, options={"space": jets(4)}),
    Known("heat", {"u": "u_xx"}, 3, HEAT, HEAT_SOLUTIONS, options={"space": jets(2)}),
    Known(
        "wave",
        "u_tt - u_xx - u_yy",
        1,
        POINCARE | DILATION | MULTIPLE,
        LINEAR_WAVES,
        options={"space": jets(2, "t", "x", "y", time=None)},
    ),
    Known(
        "wave, conformal",
        "u_tt - u_xx - u_yy",
        2,
        POINCARE | DILATION | MULTIPLE | CONFORMAL,
        QUADRATIC_WAVES,
        options={"space": jets(2, "t", "x", "y", time=None)},
    ),
    Known(
        "cubic wave",
        "u_tt - u_xx - u_yy + u^3",
        1,
        POINCARE | {"scaling": {"t": "t", "x": "x", "y": "y", "u": "-u"}},
        options={"space": jets(2, "t", "x", "y", time=None)},
    ),
)
