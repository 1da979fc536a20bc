"""Worlds that differ from episode to episode: what may vary, how it is drawn, what was drawn."""

from sim.randomize.conditions import Actuation, Camera, Conditions, Physics, Sensing, TERMS
from sim.randomize.config import (load_randomization, NOTHING, Randomization,
                                  randomization_of)

__all__ = ['Actuation', 'Camera', 'Conditions', 'load_randomization', 'NOTHING', 'Physics',
           'Randomization', 'randomization_of', 'Sensing', 'TERMS']
