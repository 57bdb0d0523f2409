"""Here most time goes into compiling small programs, which needs no optimisation."""

import jax
import pytest


@pytest.fixture(autouse=True)
def quickly_compiled():
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)
