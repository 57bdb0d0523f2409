"""Training of neural laws: what is matched, the loop, its checkpoints and its history."""

from symdyn.neural.training.augment import Augmentation, loss_by_element
from symdyn.neural.training.loop import train
from symdyn.neural.training.matching import RateMatching, TrajectoryMatching
from symdyn.neural.training.result import Training

__all__ = ["Augmentation", "RateMatching", "Training", "TrajectoryMatching", "loss_by_element", "train"]
