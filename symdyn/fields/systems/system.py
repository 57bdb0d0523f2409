"""What a simulated partial differential equation is, and random smooth fields to start from."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdyn._errors import InputError


@dataclass(frozen=True)
class FieldSystem:
    """A partial differential equation on periodic axes, or on a sphere.

    Attributes
    ----------
    name, title, citation: for people.
    rest: `rest(waves, fields, **parameters)`: the rates of all fields without the linear part, as coefficients; its
        docstring is the equations, its keyword arguments are the parameters.
    linear: `linear(waves, **parameters)`: for each variable the number that its coefficients are multiplied by in the
        linear part of its rate.
    start: `start(key, waves, parameters)`: random smooth coefficients of each variable.
    axes: names of the periodic axes, in the order of the arrays; those of a sphere are (lat, lon).
    shape, length: the default number of samples and length of each axis (of a sphere: of no meaning).
    span: end and step of the default times, which begin at 0.
    degree: of the products, which are free of aliases; of other functions the fine grid has (degree + 1) / 2 times the
        samples.
    units: of the variables, by name, of the `time` and of places (`length`); "1" by default.
    also: `also(waves, fields, parameters)`: fields that follow from the others at one time, by name, as coefficients
        (on a sphere as values).
    """

    name: str
    title: str
    rest: Callable[..., tuple]
    linear: Callable[..., tuple]
    start: Callable[[Any, Any, Mapping[str, float]], tuple]
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    length: tuple[float, ...]
    span: tuple[float, float]
    citation: str
    variables: tuple[str, ...] = ("u",)
    degree: int = 2
    units: Mapping[str, str] = field(default_factory=dict)
    also: Callable[..., dict[str, Any]] | None = None

    @property
    def parameters(self) -> dict[str, float]:
        """Names and default values of the parameters."""
        arguments = inspect.signature(self.rest).parameters.values()
        return {a.name: float(a.default) for a in arguments if a.kind is a.KEYWORD_ONLY}

    @property
    def equations(self) -> str:
        """The equations as text."""
        return inspect.cleandoc(self.rest.__doc__ or "")

    @property
    def on_sphere(self) -> bool:
        """Whether the fields lie on a sphere."""
        return self.axes == ("lat", "lon")


def random_waves(*, rms: tuple[float, ...] = (1.0,), mean: tuple[float, ...] | float = 0.0, highest: int = 4):
    """Random fields of the given root mean square about the mean: waves up to `highest` around each axis, equally
    strong on average. They do not depend on the number of samples.
    """

    def sample(key, waves, parameters):
        import jax

        means = np.broadcast_to(mean, len(rms)).tolist()
        out = []
        for each, size, middle in zip(jax.random.split(key, len(rms)), rms, means, strict=True):
            draws = np.asarray(jax.random.normal(each, (2, *(2 * highest + 1,) * len(waves.axes)), "float64"))
            out.append(_placed(draws[0] + 1j * draws[1], waves, highest, size, middle))
        return tuple(out)

    return sample


def _placed(draws: np.ndarray, waves, highest: int, size: float, middle: float) -> np.ndarray:
    """Coefficients of the field that draws (2 highest + 1, ...) make, one for each wave from -highest to highest."""
    coefficients = np.zeros(waves.shape, complex)
    half = draws[..., highest:]
    if min(waves.highest) < highest:
        raise InputError(f"the random start has waves up to {highest}: take at least {2 * highest + 1} samples")
    rows = [np.arange(-highest, highest + 1) for _ in waves.axes[:-1]]
    place = np.ix_(
        *(row % (2 * h + 1) for row, h in zip(rows, waves.highest[:-1], strict=True)), np.arange(highest + 1)
    )
    coefficients[place] = half
    coefficients.reshape(-1)[0] = 0.0
    values = np.fft.irfftn(_whole(coefficients, waves), s=waves.coarse, norm="forward", axes=range(len(waves.axes)))
    found = np.fft.rfftn(values, norm="forward")[waves._places(waves.coarse)]  # of a real field
    found = found * (size / np.sqrt(np.mean(values**2)))
    found.reshape(-1)[0] = middle
    return found


def _whole(coefficients: np.ndarray, waves) -> np.ndarray:
    out = np.zeros((*waves.coarse[:-1], waves.coarse[-1] // 2 + 1), complex)
    out[waves._places(waves.coarse)] = coefficients
    return out
