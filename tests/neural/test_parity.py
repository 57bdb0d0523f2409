"""Odd networks as classifiers: whatever is classified rightly is misclassified after inversion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import symdyn as sd


def accuracies(network, x, classes):
    """R on the inputs, and on the inverted ones."""
    found = [np.asarray(jnp.argmax(jax.vmap(network)(sign * x), axis=-1)) for sign in (1, -1)]
    return [float(np.mean(each == classes)) for each in found]


@pytest.mark.parametrize("seed", range(3))
def test_accuracies_of_an_odd_network_on_inputs_and_their_inversion_add_up_to_one_at_most(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    odd = sd.PlainMLP(6, 4, (10, 5), key=jax.random.key(seed), bias=False)
    own = np.asarray(jnp.argmax(jax.vmap(odd)(x), axis=-1))
    for classes in (own, rng.integers(0, 4, 300), np.where(rng.random(300) < 0.7, own, 0)):
        assert sum(accuracies(odd, x, classes)) <= 1.0
    assert accuracies(odd, x, own) == [1.0, 0.0]


def test_a_network_with_biases_and_an_even_one_exceed_it():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6)).astype(np.float32)
    biased = sd.PlainMLP(6, 4, (10, 5), key=jax.random.key(3))
    even = sd.EquivariantMLP(sd.SignPattern((-1,)), 6 * sd.Vector, 4 * sd.Scalar, (5,), key=jax.random.key(0))
    for network, least in ((biased, 1.1), (even, 2.0)):
        own = np.asarray(jnp.argmax(jax.vmap(network)(x), axis=-1))
        assert sum(accuracies(network, x, own)) >= least
