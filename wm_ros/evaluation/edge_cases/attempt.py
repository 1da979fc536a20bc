"""One world of one scene: how the script and the agent do in the very same episode."""

from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np
from sim.randomize.box import Box
from sim.scene import Scene
from sim.stepper import Stepper
from wm_ros.evaluation.closed_loop import ClosedLoop
from wm_ros.evaluation.edge_cases.cases import Case, pinned, rounded
from wm_ros.tasks import TaskSpec

_DIGITS = 4             # of what is written of an ending


class Place(NamedTuple):
    """A scene by its seed, and where in the box its world lies [N]."""

    seed: int
    shares: Tuple[float, ...]


class Ending(NamedTuple):
    """How an episode ended: at ``time`` [s], ``distance`` [m] from the goal."""

    success: bool
    time: float
    distance: float

    def badness(self, task: TaskSpec) -> float:
        """Return from 0 to 1 how late it succeeded, or from 1 to 2 how far from it it failed."""
        if self.success:
            return self.time / task.time_limit
        return 1.0 + self.distance / (self.distance + task.tolerance)


class Attempt(NamedTuple):
    """
    What came of a place.

    ``badness`` is the agent's; where the script fails the agent is spared, and it is below 0: the
    worse the script did, the lower.
    """

    place: Place
    badness: float
    case: Optional[Case]
    spared: bool


def attempt(loop: ClosedLoop, place: Place, box: Box) -> Attempt:
    """Return what becomes of script and agent at ``place``."""
    values = _values(place, box, loop.scene)
    loop.randomize(pinned(values, f'scene {place.seed}'))
    script = scripted(loop.scene, place.seed)
    if not script.success:
        return Attempt(place, -script.badness(loop.task), None, True)
    result = loop.run(place.seed)
    agent, case = Ending(result.success, result.time, loop.scene.distance), None
    if not agent.success:
        numbers = (round(float(x), _DIGITS) for x in (agent.distance, agent.time, script.time))
        case = Case(place.seed, values, *numbers, loop.model.checkpoint)
    return Attempt(place, agent.badness(loop.task), case, False)


def _values(place, box, scene) -> Dict[str, Tuple[float, ...]]:
    """Return what is drawn of each term, as a file will have it."""
    boxes = scene.task.blocks(np.random.default_rng(place.seed))
    return rounded(box.draw(place.shares, place.seed, boxes).drawn)


def scripted(scene: Scene, seed: int) -> Ending:
    """Return how the script, which knows the truth, ends in the episode ``seed``."""
    stepper, active = Stepper(scene), np.array(scene.task.spec.active, dtype=float)
    stepper.reset(seed)
    while not scene.done:
        stepper.step(np.clip(stepper.expert(), -1, 1) * active)
    time = scene.time if scene.success else scene.task.spec.time_limit
    return Ending(scene.success, time, scene.distance)
