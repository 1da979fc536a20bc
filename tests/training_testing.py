"""What the tests of training share: tiny recipes, and a run of one."""

from model_testing import ROBOT
from wm_ros.learning.recipe import Recipe
from wm_ros.learning.train import School, Training

TINY = Recipe(first_episodes=2, first_updates=3, rounds=1, prior_episodes=1, planner_episodes=1,
              round_updates=2, last_updates=2)
ALONE = Recipe(2, 3, 1, 0, 1, 2, 2, demonstrations=False)
QUICK = {'planner.horizon': 3, 'planner.num_samples': 8, 'planner.num_policy_samples': 8}


def train(folder, recipe=TINY, seed=0, recorded=(), name='model', keep=None):
    """Train in ``folder``; return hash, figures, and the training, whose replay can be read."""
    training = Training(ROBOT, 'reach', recipe, seed, QUICK, school=School(keep=keep))
    try:
        training.add(recorded)
        figures = training.run()
        return training.save(folder / name, figures), figures, training
    finally:
        training.close()
