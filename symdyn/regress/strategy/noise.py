"""What `identify` does where it is not told how rates come from states: the noise decides, and the law says so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from symdyn._errors import InputError
from symdyn._progress import tell
from symdyn.data.differentiate import FiniteDifference
from symdyn.data.noise import NoiseLevel, pooled_noise_level
from symdyn.data.recording import Recording, spread_pieces
from symdyn.data.resolution import unresolved
from symdyn.data.weak import WeakForm
from symdyn.library import AutomaticLibrary
from symdyn.regress.joint.settings import JointEstimation
from symdyn.regress.outcome import solution_of
from symdyn.regress.posed import fitted_recording
from symdyn.regress.selection import EBIC
from symdyn.regress.solution import RESULTS, Settings, Solution
from symdyn.regress.solvers import BestSubset

GAIN = 0.95  # of fourth-order differences: white noise of size s becomes noise of 0.95 s / step on the rate
HARMLESS = 3e-3  # noise of a rate below this share of it is below the resolution of the default selection
UNRESOLVED = 0.02  # of the variance at less than four samples a cycle: neither differences nor windows find such rates
WEAK = "rates in the weak form (WeakForm)"
FINE = 1e-4  # share of a rate that differences may leave unexplained before windows are tried on clean data
SHARPER = 0.1  # of what differences leave: a law whose windows leave less is taken instead
CLEAN_VALUES = 1_000_000  # sampled state values up to which windows are tried on clean data
JOINT_VALUES = 40_000  # sampled state values up to which the trajectory is estimated together with the law


@dataclass(frozen=True)
class NoisePlan:
    """`noisy`: whether differences would carry noise that matters; `text`: what was seen, for the user; `free`: whether
    nothing was said about rates."""

    noisy: bool
    text: str = ""
    free: bool = True


def planned(recording: Recording, settings: Settings) -> NoisePlan:
    """What the noise of the states asks for, where neither rates nor a way to find them are given."""
    measured = all(run.rates is not None for run in recording.trajectories) and settings.order == 1
    long_enough = all(len(run.times) >= 16 for run in recording.trajectories)
    if settings.differentiation is not None or settings.discrete or measured or not long_enough:
        return NoisePlan(False, free=False)
    places = _places(recording)
    runs = _pieces(recording, places)
    level = pooled_noise_level(runs)
    shares = _rate_shares(runs, level)
    if shares.max(initial=0.0) < HARMLESS:
        return NoisePlan(False)
    components = [recording.space.component_names[k] for k in places]
    seen = [
        f"{name} {100 * sigma / max(spread, 1e-300):.2g} %"
        for name, sigma, spread, noisy in zip(components, level.sigma, level.spread, level.significant, strict=True)
        if noisy
    ]
    more = f" and {len(seen) - 6} more" if len(seen) > 6 else ""
    return NoisePlan(
        True,
        f"noise, as a share of the spread: {', '.join(seen[:6])}{more}; differences would put noise of "
        f"{100 * shares.max():.2g} % on a rate",
    )


def _places(recording: Recording) -> np.ndarray:
    """The places of the components of the state that are no inputs."""
    return recording.space.indices(tuple(name for name in recording.space.names if name not in recording.inputs))


def resolution_fault(recording: Recording, settings: Settings) -> str:
    """What is to be said where the samples are too sparse for rates to be found from them; else an empty text."""
    measured = all(run.rates is not None for run in recording.trajectories) and settings.order == 1
    if settings.discrete or measured or isinstance(settings.differentiation, JointEstimation):
        return ""
    places = _places(recording)
    shares = unresolved(_pieces(recording, places))
    worst = int(np.argmax(shares))
    if shares[worst] < UNRESOLVED:
        return ""
    name = recording.space.component_names[places[worst]]
    return (
        f"! the samples do not resolve the motion: {100 * shares[worst]:.2g} % of the variance of {name} lies at less "
        "than four samples a cycle. Rates found from such samples, and the law with them, can be far off: sample more "
        "densely"
    )


Piece = tuple[np.ndarray, np.ndarray, np.ndarray]


def _pieces(recording: Recording, places: np.ndarray) -> list[Piece]:
    """Times (t,), values (t, n) and weights of contiguous pieces of the runs."""
    out = []
    for number, start, stop in spread_pieces([len(run.times) for run in recording.trajectories]):
        run, part = recording.trajectories[number], slice(start, stop)
        out.append((run.times[part], run.states[part][:, places], run.weights[part]))
    return out


def _rate_shares(runs: list[Piece], level: NoiseLevel) -> np.ndarray:
    """The noise that differences would put on the rate of each component, as a share of that rate, (n,)."""
    out = np.zeros(len(level.sigma))
    for times, states, _ in runs:
        step = float(np.median(np.diff(times)))
        rates = FiniteDifference()(times, states)
        noise = GAIN * np.where(level.significant, level.sigma, 0.0) / step
        size = np.sqrt(np.maximum(np.mean(rates**2, axis=0) - noise**2, 0.0))
        out = np.maximum(out, noise / np.maximum(size, 1e-3 * noise + 1e-300))
    return out


def from_clean_states(recording: Recording, settings: Settings, law: Solution) -> Solution:
    """The law from differences, or that of the weak form where it leaves far less of the rates unexplained.

    On clean samples differences err by their truncation, windows hardly at all; only a law that holds in the library
    shows it, so that a library without the law changes nothing.
    """
    left = max(law.stats.residual, default=0.0)
    values = sum(run.states.size for run in recording.trajectories)
    told = settings.solver != BestSubset() or settings.selection != EBIC() or settings.reading.weights is not None
    if left < FINE or told or values > CLEAN_VALUES:
        return law
    try:
        weak = solution_of(fitted_recording(recording, replace(settings, differentiation=WeakForm())))
    except InputError:
        return law  # too short for windows
    found = max(weak.stats.residual, default=0.0)
    if weak.result is RESULTS.no_terms or found > SHARPER * left:
        return law
    return replace(
        weak, stages=(f"differences leave {left:.1g} of a rate unexplained, the weak form {found:.1g}", WEAK)
    )


def from_noisy_states(recording: Recording, settings: Settings, plan: NoisePlan) -> Solution:
    """The law in the weak form, and by joint estimation where that is possible; `stages` of the law say what was done.

    The weak form comes first because it costs little, works for every solver and constraint, and is what is left where
    a joint estimation cannot be done or does not converge.
    """
    from symdyn.regress.joint.law import joint_solution

    tell(plan.text)
    tell("the law in the weak form")
    made = fitted_recording(recording, replace(settings, differentiation=WeakForm()))
    weak, guess = solution_of(made), np.concatenate([fit.mask for fit in made.fits])
    stages = (plan.text, WEAK)
    obstacle = _obstacle(recording, settings)
    if obstacle:
        return replace(weak, stages=(*stages, f"no joint estimation: {obstacle}"))
    tell("trajectory and law together")
    try:
        joint = joint_solution(recording, replace(settings, differentiation=JointEstimation()), guess)
    except InputError as error:
        return replace(weak, stages=(*stages, f"no joint estimation: {error}"))
    if joint.result is RESULTS.not_converged or not len(joint.covariance):
        return replace(weak, stages=(*stages, "the joint estimation did not converge; this is the weak form's law"))
    return replace(joint, stages=(*stages, "trajectory and law estimated together (JointEstimation)"))


def from_ladder(recording: Recording, ladder: AutomaticLibrary, settings: Settings, plan: NoisePlan) -> Solution:
    """The law of an automatic library: rates as the noise asks for, then the trajectories of the laws that come first.

    Where laws cannot be integrated, or something was asked for that a trajectory cannot heed, the rates decide alone.
    """
    from symdyn.regress.strategy.ladder import automatic_law

    form = WeakForm() if plan.noisy else settings.differentiation
    match = plan.free and not _obstacle(recording, settings)
    law = automatic_law(recording, ladder, replace(settings, differentiation=form), match)
    stages = (plan.text, WEAK) if plan.noisy else ()
    return replace(law, stages=(*stages, *law.stages))


def _obstacle(recording: Recording, settings: Settings) -> str:
    """Why a joint estimation is not tried; empty where it is."""
    values = sum(run.states.size for run in recording.trajectories)
    if values > JOINT_VALUES:
        return f"{values} state values are more than {JOINT_VALUES}; ask for it by differentiation=JointEstimation()"
    if settings.solver != BestSubset():
        return "the solver that was asked for decides"
    if settings.selection != EBIC():
        return "the selection that was asked for decides"
    if settings.reading.weights is not None:
        return "the weights that were asked for are those of rates"
    closed = set(recording.targets) | {a for a, _ in recording.kinematics} | set(recording.inputs)
    open_ = [name for name in recording.space.names if name not in closed]
    return f"the rate of {', '.join(open_)} is not sought, so the law is not closed" if open_ else ""
