"""The settings of a joint estimation of trajectory and coefficients."""

from __future__ import annotations

from dataclasses import dataclass

from symdyn._errors import InputError


@dataclass(frozen=True)
class JointEstimation:
    r"""Estimate the trajectory together with the coefficients, so that noisy states are never differentiated.

    $$\min_{X, w} \sum_i \frac{|y_i - x_i|^2}{\sigma^2}
      + \sum_i \frac{|x_{i+1} - \Phi_{t_i \to t_{i+1}}(x_i; w)|^2}{\rho^2}$$

    over the states X at the samples and the free weights w, with the flow $\Phi$ of the law. The looseness
    $\rho / \sigma$ falls in steps to nearly zero: what is left is the most likely trajectory of the deterministic law.
    Terms are dropped one by one, the whole problem is solved anew for each set, and exchanges of terms are tried at
    the end.

    Sets are judged by the evidence, the likelihood integrated over the weights with the prior N(0, s^2) on each of
    them, s^2 being their mean square: a set of p candidates with k weights, residual Q (in noise variances, over n
    observations) and information S costs

    $$n \log Q + \log \det S + k \log s^2 + k + 2 \gamma \log \binom{p}{k}.$$

    Unlike n log Q + k log n it tells sets of equal size apart that fit alike: those lose whose coefficients must be
    tuned finely. That depends on the units of the variables: choose them such that coefficients are of moderate size,
    or take `evidence=False` (the `selection` of `identify`, which knows only the size of a set).

    Reference: Fung 2025, arXiv:2507.23426 (orthogonal distance regression and evidence); Baake, Baake, Bock, Briggs
    1992, Physical Review A 45, 5524 (multiple shooting for chaotic data); MacKay 1992, Neural Computation 4, 415.

    Parameters
    ----------
    looseness: the last $\rho / \sigma$, for each step of the grid.
    candidates: most terms that all targets together may have at the start; in larger libraries the best sets of the
        weak form on the smoothed trajectory choose them, and left-out terms are tried again at the end.
    evidence: judge sets by the evidence, or by the `selection` of `identify` (EBIC, BIC or AICc).
    gamma: the weight of the number of sets of equal size in the evidence, from 0 to 1.
    noise: the standard deviation of the noise of each state component, a number for all or a tuple; by default from
        differences at first, then from the residual.
    substeps: steps of the integration between two samples; by default as many as make its error small beside the
        noise.

    Raises InputError for values out of range.

    Examples
    --------
    >>> import numpy as np, symdyn as sd
    >>> times, rng = np.arange(0, 8, 0.05), np.random.default_rng(0)
    >>> data = {"time": times, "x": np.cos(times), "y": -np.sin(times)}
    >>> noisy = {k: v + 0.1 * rng.normal(size=v.shape) * (k != "time") for k, v in data.items()}
    >>> law = sd.identify(noisy, library=sd.Monomials(2), differentiation=sd.JointEstimation())
    >>> law.active_terms
    ('x', 'y')
    """

    looseness: float = 3e-4
    candidates: int = 36
    evidence: bool = True
    gamma: float = 1.0
    noise: float | tuple[float, ...] | None = None
    substeps: int | None = None

    def __post_init__(self):
        if not 0 < self.looseness <= 1:
            raise InputError(f"the looseness is a share of the noise between 0 and 1, got {self.looseness!r}")
        if self.candidates < 1:
            raise InputError(f"candidates counts terms and is at least 1, got {self.candidates!r}")
        if not 0 <= self.gamma <= 1:
            raise InputError(f"gamma must be between 0 and 1, got {self.gamma!r}")
        if self.substeps is not None and self.substeps < 1:
            raise InputError(f"substeps counts steps between samples and is at least 1, got {self.substeps!r}")
        if self.noise is not None:
            levels = self.noise if isinstance(self.noise, tuple) else (self.noise,)
            if not all(level > 0 for level in levels):
                raise InputError(f"the noise is a positive standard deviation, got {self.noise!r}")
