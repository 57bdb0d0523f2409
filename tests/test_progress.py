"""What long work says, and where."""

from __future__ import annotations

import numpy as np

import symdyn as sd
from symdyn._progress import tell


def noisy():
    times = np.arange(0, 20, 0.02)
    return {"time": times, "x": np.sin(times) + 0.05 * np.random.default_rng(0).normal(size=times.size)}


def test_stages_are_told_inside_of_the_block_only(capsys):
    said: list[str] = []
    with sd.progress(said.append):
        law = sd.identify(noisy(), order=2, library=sd.Monomials(1))
    assert said[:2] == [law.stages[0], "the law in the weak form"]
    assert "trajectory and law together" in said
    before = len(said)
    tell("lost")
    assert len(said) == before
    assert capsys.readouterr() == ("", "")


def test_blocks_nest_and_end_with_an_error():
    outer, inner = [], []
    with sd.progress(outer.append):
        try:
            with sd.progress(inner.append):
                tell("one")
                raise ValueError
        except ValueError:
            pass
        tell("two")
    assert (outer, inner) == (["two"], ["one"])


def test_lines_go_to_the_standard_error_without_a_terminal(capsys):
    with sd.progress():
        tell("stage")
    assert capsys.readouterr() == ("", "stage\n")


def test_models_of_an_ensemble_are_counted():
    said: list[str] = []
    with sd.progress(said.append):
        sd.ensemble(noisy(), order=2, library=sd.Monomials(1), models=5, full=True)
    assert "model 5 of 5" in said
