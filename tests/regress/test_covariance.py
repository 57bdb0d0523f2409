"""Standard errors where there are more weights than the scatter between blocks can tell apart."""

import numpy as np

from symdyn.regress.covariance import _mean_inflation


def test_white_scores_keep_the_classical_formula():
    scores = np.random.default_rng(0).normal(size=(64, 54)) / 8
    assert _mean_inflation(scores, np.zeros(64, int), 1.0) == (1.0, np.inf)


def test_scores_that_vary_more_than_white_ones_inflate_it_by_their_mean():
    scores = np.random.default_rng(1).normal(size=(64, 54)) / 8 * 3
    factor, freedom = _mean_inflation(scores, np.zeros(64, int), 1.0)
    assert abs(factor - 9) < 0.5
    assert freedom == 54 * 63


def test_blocks_are_joined_until_neighbours_are_uncorrelated():
    slow = np.repeat(np.random.default_rng(2).normal(size=(32, 54)), 2, axis=0) / 8  # pairs alike: twice the variance
    factor, freedom = _mean_inflation(slow, np.zeros(64, int), 1.0)
    assert abs(factor - 2) < 0.25
    assert freedom == 54 * 31


def test_few_blocks_say_nothing():
    assert _mean_inflation(np.full((7, 30), 5.0), np.zeros(7, int), 1.0) == (1.0, np.inf)
