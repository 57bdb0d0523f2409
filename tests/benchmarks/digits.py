"""Grey-scale inversion of handwritten digits: what a network without biases cannot do, and what symmetry mends.

After G. Bergman 2019, Symmetry constrained machine learning, arXiv 1811.07051. The 1797 digits that scikit-learn ships,
enlarged five times by shifts of one pixel, pixels from -1 to 1; tanh networks 64-10-5-10, L-BFGS of 200 iterations,
decay 1e-5. R and R' are the accuracies on a set and on its inversion x -> -x. An odd network turns each logit's sign,
so that what it classifies rightly it misclassifies after inversion: R + R' <= 1 whatever the weights.

    python tests/benchmarks/digits.py                # the table, both splits, three seeds
    python tests/benchmarks/digits.py --curves       # accuracy against the number of images, and seconds
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import shift
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GroupShuffleSplit, train_test_split

import symdyn as sd

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
PERMUTED = np.random.default_rng(0).permutation(64)
NEIGHBOUR = np.arange(64).reshape(8, 8)[:, np.r_[1:8, 0]].ravel()
ITERATIONS = 200


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels (8985, 64) from -1 to 1, classes, and the number of the image that each is a copy of."""
    images, classes = load_digits(return_X_y=True)
    copies = [[shift(x.reshape(8, 8), s, order=0, cval=0.0).ravel() for x in images] for s in SHIFTS]
    x = np.concatenate(copies)
    x = (x - x.min(axis=0)) / (x.max(axis=0) + 1e-4)
    return 2 * x - 1, np.tile(classes, len(SHIFTS)), np.tile(np.arange(len(images)), len(SHIFTS))


def split(grouped: bool) -> tuple[np.ndarray, ...]:
    """x, y to fit and to test: all copies of an image on one side, or copies on both (as published)."""
    x, y, image = digits()
    if grouped:
        fit, test = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(x, y, image))
    else:
        fit, test = train_test_split(np.arange(len(x)), test_size=0.2, random_state=0)
    return x[fit], y[fit], x[test], y[test]


def same(x):
    return x


def squares(x):
    return x * x


def neighbours(x):
    return x * x[..., NEIGHBOUR]


def permuted(x):
    return x * x[..., PERMUTED]


def canonical(x):
    """Inverted where the mean is negative."""
    return x * jnp.where(jnp.sum(x, -1, keepdims=True) < 0, -1.0, 1.0)


def tanh_network(layers, x):
    for layer in layers[:-1]:
        x = jnp.tanh(layer(x))
    return layers[-1](x)


def even_first(layers, x):
    """The same with an even function of each number of the first layer, z^2 / (1 + |z|); no bias there."""
    z = layers[0].weight @ x
    return tanh_network(layers[1:], z * z / (1 + jnp.abs(z)))


@dataclass(frozen=True)
class Way:
    """A way to classify: features, biases, training on both signs, the network, the average over the group."""

    name: str
    features: Callable = same
    bias: bool = False
    both: bool = False
    network: Callable = tanh_network
    averaged: bool = False


WAYS = (
    Way("no bias, x"),
    Way("no bias, x, fitted to X and -X", both=True),
    Way("bias, x", bias=True),
    Way("bias, x, fitted to X and -X", bias=True, both=True),
    Way("no bias, x_i^2", squares),
    Way("no bias, x_i x_i+1", neighbours),
    Way("no bias, x_i x_P(i)", permuted),
    Way("bias, x_i^2", squares, bias=True),
    Way("bias, x_i x_i+1", neighbours, bias=True),
    Way("bias, x_i x_P(i)", permuted, bias=True),
    Way("no bias, even first layer", network=even_first),
    Way("bias, even first layer", bias=True, network=even_first),
    Way("bias, turned so that the sum is positive", canonical, bias=True),
    Way("bias, logits averaged over +-x", bias=True, averaged=True),
)
ODD = WAYS[:2]


def logits(way: Way, layers, x):
    given = way.features(x)
    network = jax.vmap(partial(way.network, layers))
    return 0.5 * (network(given) + network(-given)) if way.averaged else network(given)


def fitted(way: Way, x: np.ndarray, y: np.ndarray, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Train by L-BFGS; gives a function from pixels to classes."""
    if way.both:
        x, y = np.concatenate([x, -x]), np.concatenate([y, y])
    made = sd.PlainMLP(64, 10, (10, 5), key=jax.random.key(seed), bias=way.bias, dtype=np.float64)
    first, again = jax.flatten_util.ravel_pytree(made.layers)

    @jax.jit
    def value_and_slope(w, x, y):
        def loss(w):
            logp = jax.nn.log_softmax(logits(way, again(w), x))
            return -jnp.mean(jnp.take_along_axis(logp, y[:, None], 1)) + 0.5e-5 / len(x) * jnp.sum(w * w)

        return jax.value_and_grad(loss)(w)

    x, y = jnp.asarray(x), jnp.asarray(y)

    def on_host(w):
        value, slope = value_and_slope(w, x, y)
        return float(value), np.asarray(slope, float)

    options = {"maxiter": ITERATIONS, "maxfun": 15000}
    found = jnp.asarray(minimize(on_host, np.asarray(first), jac=True, method="L-BFGS-B", options=options).x)
    done = jax.jit(lambda new: jnp.argmax(logits(way, again(found), new), axis=-1))
    return lambda new: np.asarray(done(new))


def kernel(x: np.ndarray, y: np.ndarray, gamma: float, even: bool) -> np.ndarray:
    """Gaussian of the distance; its even part is the average over signs of one argument."""
    sizes, products = (x * x).sum(1)[:, None] + (y * y).sum(1), 2 * x @ y.T
    found = np.exp(-gamma * (sizes - products))
    return 0.5 * (found + np.exp(-gamma * (sizes + products))) if even else found


def ridge(x: np.ndarray, y: np.ndarray, seed: int, *, even: bool, points: int = 3000) -> Callable:
    """Kernel ridge regression of the indicator of each class, at a random part of the images."""
    some = np.random.default_rng(seed).permutation(len(x))[:points]
    x, gamma = x[some], 0.02
    model = KernelRidge(alpha=1e-3, kernel="precomputed").fit(kernel(x, x, gamma, even), np.eye(10)[y[some]])
    return lambda new: model.predict(kernel(new, x, gamma, even)).argmax(axis=1)


def accuracies(classify: Callable, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    return float(np.mean(classify(x) == y)), float(np.mean(classify(-x) == y))


def every() -> dict[str, Callable]:
    """All ways by name: functions of (x, y, seed)."""
    ways: dict[str, Callable] = {way.name: partial(fitted, way) for way in WAYS}
    return {**ways, "RBF kernel ridge": partial(ridge, even=False), "even RBF kernel ridge": partial(ridge, even=True)}


def table(seeds: int) -> None:
    odd = {way.name for way in ODD}
    for grouped in (False, True):
        x, y, new, truth = split(grouped)
        print("grouped split" if grouped else "published split (copies of an image on both sides)")
        for name, way in every().items():
            begun = time.process_time()
            found = np.array([accuracies(way(x, y, seed), new, truth) for seed in range(seeds)])
            spent = (time.process_time() - begun) / seeds
            R, inverted = found.mean(axis=0)
            assert name not in odd or np.all(found.sum(axis=1) <= 1.0)
            print(f"  {name:42s}X {R:.3f}  -X {inverted:.3f}  +- {found[:, 0].std():.3f}  {spent:5.1f} s", flush=True)


def curves(seeds: int) -> None:
    x, y, new, truth = split(True)
    names = (
        "bias, x, fitted to X and -X", "bias, x_i x_i+1", "bias, even first layer", "bias, logits averaged over +-x",
        "even RBF kernel ridge",
    )  # fmt: skip
    for count in (200, 500, 1000, 2000, 4000, len(x)):
        print(f"{count} images")
        for name in names:
            begun, found = time.process_time(), []
            for seed in range(seeds):
                some = np.random.default_rng(seed).permutation(len(x))[:count]
                found.append(accuracies(every()[name](x[some], y[some], seed), new, truth))
            spent = (time.process_time() - begun) / seeds
            R, inverted = np.mean(found, axis=0)
            print(f"  {name:42s}X {R:.3f}  -X {inverted:.3f}  {spent:5.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--curves", action="store_true")
    options = parser.parse_args()
    with jax.enable_x64(True):
        (curves if options.curves else table)(options.seeds)


if __name__ == "__main__":
    main()
