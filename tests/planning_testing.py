"""What the tests of planners share: a small problem, and models some of whose futures break."""

from dataclasses import replace

from model_testing import BLOCK, GOAL, make_model, observe_at, ROBOT
import numpy as np
import torch
from wm_ros.planning import PlannerSettings
from wm_ros.planning.arm import Arm
from wm_ros.planning.objective import Objective
from wm_ros.planning.problem import Problem, Start
from wm_ros.planning.surroundings import Surroundings
from wm_ros.planning.unsearched import CorrelatedNoise
from wm_ros.world_model import WorldModel

SETTINGS = PlannerSettings.from_params({
    'planner.horizon': 5, 'planner.num_samples': 16, 'planner.num_elites': 4,
    'planner.num_policy_samples': 8, 'planner.noise_std': 0.4, 'planner.temperature': 0.5})

ABSOLUTE = replace(SETTINGS, around_prior=False)

ACTIVE = np.array([1, 1, 1, 0, 0])
ARM = Arm(ROBOT)


class BrokenModel(WorldModel):
    """A world model some of whose futures break."""

    broken, kind = (), 'state'

    def imagine(self, *args, **kwargs):
        dream = super().imagine(*args, **kwargs)
        rows = [row for row in self.broken if row < len(dream.actions)]
        with torch.inference_mode():
            if self.kind == 'state':
                dream.states[rows, 2, 1] = torch.nan
            elif self.kind == 'overflow':
                dream.states[rows, -1, 0] = torch.inf
            elif self.kind == 'action':
                dream.actions[rows, 0, 0] = torch.nan
            else:
                dream.disagreement[rows, 1] = torch.nan
        return dream


def broken_model(task='push', rows=(), kind='state'):
    made = make_model(task)
    model = BrokenModel(made.dynamics, ROBOT, made.task)
    model.broken, model.kind = rows, kind
    return model


def problem(model=None, settings=SETTINGS, warm=None, seed=0, belief=None, goal=GOAL):
    model = make_model('push') if model is None else model
    around = Surroundings(ROBOT, model.task)
    if belief is None:
        poses = BLOCK[None] if model.layout.objects else None
        belief = model.observe(None, observe_at(poses=poses))
    return Problem(
        model=model, objective=Objective(model, model.task), state=torch.tensor(belief.state),
        latent=torch.tensor(belief.latent), goal=torch.tensor(goal[:3], dtype=torch.float32),
        warm=warm, settings=settings, rng=torch.Generator().manual_seed(seed),
        noise=CorrelatedNoise(5, seed), start=Start(
            ARM, ROBOT.home, np.zeros(7), around.boxes(settings.keep_out),
            around.detour(settings.keep_out, goal[:3])))
