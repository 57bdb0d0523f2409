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
# # Digits, black on white and white on black
#
# A digit stays the same digit when its grey scale is inverted. With pixels from -1 to 1 that is x -> -x, a group
# of two elements. A tanh network without biases is an odd function: inversion turns the sign of each logit, and what
# was the most probable class becomes the least probable one. With R the accuracy on images and R' that on inverted
# ones, R + R' <= 1 whatever the weights (Bergman 2019, arXiv 1811.07051).

# %%
from functools import partial

import jax
import jax.flatten_util
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from sklearn.datasets import load_digits
from sklearn.kernel_ridge import KernelRidge

import symdyn as sd

pixels, classes = load_digits(return_X_y=True)
x = (pixels / 8 - 1).astype(np.float32)
order = np.random.default_rng(0).permutation(len(x))
fit, test = order[:1400], order[1400:]

# %% [markdown]
# ## Networks of one size
#
# 64-10-5-10 units, trained by L-BFGS from three starts. They differ in what they are given, and in whether the first
# layer is even.


# %%
def odd(layers, x):
    for layer in layers[:-1]:
        x = jnp.tanh(layer(x))
    return layers[-1](x)


def neighbours(layers, x):
    """Invariant features: the product of each pixel and the one to its right."""
    return odd(layers, x * jnp.roll(x.reshape(8, 8), -1, axis=1).ravel())


def even(layers, x):
    """An even function in the first layer."""
    z = layers[0](x)
    return odd(layers[1:], z * z / (1 + jnp.abs(z)))


def averaged(layers, x):
    """The mean of the logits over the group."""
    return 0.5 * (odd(layers, x) + odd(layers, -x))


def canonical(layers, x):
    """Inverted where most of the image is dark."""
    return odd(layers, jnp.where(jnp.sum(x) < 0, -x, x))


def trained(network, x, y, bias=False):
    """The best of three starts, by the loss."""
    starts = [sd.PlainMLP(64, 10, (10, 5), key=jax.random.key(seed), bias=bias).layers for seed in range(3)]
    again = jax.flatten_util.ravel_pytree(starts[0])[1]

    @jax.jit
    def value_and_slope(w):
        def loss(w):
            logp = jax.nn.log_softmax(jax.vmap(partial(network, again(w)))(x))
            return -jnp.mean(jnp.take_along_axis(logp, y[:, None], 1))

        return jax.value_and_grad(loss)(w)

    def on_host(w):
        return [np.asarray(each, float) for each in value_and_slope(jnp.asarray(w, jnp.float32))]

    flat = [np.asarray(jax.flatten_util.ravel_pytree(start)[0], float) for start in starts]
    runs = [minimize(on_host, w, jac=True, method="L-BFGS-B", options={"maxiter": 150}) for w in flat]
    best = again(jnp.asarray(min(runs, key=lambda run: run.fun).x, jnp.float32))
    classify = jax.jit(jax.vmap(partial(network, best)))
    return lambda new: np.asarray(classify(new)).argmax(axis=1)


both, twice = np.concatenate([x[fit], -x[fit]]), np.tile(classes[fit], 2)
ways = {
    "odd network": trained(odd, x[fit], classes[fit]),
    "odd network, fitted to both signs": trained(odd, both, twice),
    "with biases": trained(odd, x[fit], classes[fit], bias=True),
    "with biases, fitted to both signs": trained(odd, both, twice, bias=True),
    "products of neighbours": trained(neighbours, x[fit], classes[fit]),
    "even first layer": trained(even, x[fit], classes[fit]),
    "mean over both signs": trained(averaged, x[fit], classes[fit], bias=True),
    "turned to the bright side": trained(canonical, x[fit], classes[fit], bias=True),
}

# %% [markdown]
# ## A kernel that is even
#
# Kernel ridge regression needs no design: the mean of k(x, y) and k(x, -y) is the kernel of the even functions.


# %%
def kernel(a, b, sign):
    return np.exp(-0.02 * (((a * a).sum(1)[:, None] + (b * b).sum(1)) - 2 * sign * a @ b.T))


def mean_kernel(a, b):
    return 0.5 * (kernel(a, b, 1) + kernel(a, b, -1))


for name, k in {"kernel ridge": partial(kernel, sign=1), "even kernel ridge": mean_kernel}.items():
    model = KernelRidge(alpha=1e-3, kernel="precomputed").fit(k(x[fit], x[fit]), np.eye(10)[classes[fit]])
    ways[name] = lambda new, model=model, k=k: model.predict(k(new, x[fit])).argmax(axis=1)

# %%
found = {name: [np.mean(way(s * x[test]) == classes[test]) for s in (1, -1)] for name, way in ways.items()}
for name, (right, inverted) in found.items():
    print(f"{name:36s}{right:.3f} on images, {inverted:.3f} on inverted ones")

figure, axis = plt.subplots(figsize=(8, 3.6))
places = np.arange(len(found))
axis.barh(places - 0.2, [v[0] for v in found.values()], 0.4, label="images")
axis.barh(places + 0.2, [v[1] for v in found.values()], 0.4, label="inverted images")
axis.set(yticks=places, yticklabels=list(found), xlabel="accuracy")
axis.invert_yaxis()
axis.legend()
figure.tight_layout()

# %% [markdown]
# An odd network that is right on images is wrong on inverted ones, and training on both signs makes it guess. Biases
# relax that at the price of images to learn twice. Whatever is invariant by construction has one accuracy.

# %%
for name in ("odd network", "odd network, fitted to both signs"):
    assert sum(found[name]) <= 1
for name in ("products of neighbours", "even first layer", "mean over both signs", "even kernel ridge"):
    assert found[name][0] == found[name][1]
assert min(found["even kernel ridge"]) >= 0.98
