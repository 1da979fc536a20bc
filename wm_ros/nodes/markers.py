"""What the planner imagines, as markers for RViz."""

import numpy as np
from wm_ros.nodes import convert
from wm_ros.planning import Mpc
from wm_ros.types import Plan

_SHOWN = 24             # candidates, spread evenly over their ranks
_LIFETIME = 0.5         # [s]
_GOOD, _BAD = np.array([0.1, 0.8, 0.2]), np.array([0.9, 0.15, 0.1])
_PLAN, _GOAL, _BOX = (0.1, 0.4, 1.0, 1.0), (1.0, 0.8, 0.1, 0.8), (0.9, 0.1, 0.1, 0.4)


def imagined_trajectories(mpc: Mpc, goal, plan: Plan, frame: str) -> convert.MarkerArray:
    """
    Return the imagined paths of the end effector and of the object that the goal is about.

    From green (the best return) to red, the plan itself in blue, the goal [7] as a sphere
    of the task's tolerance, boxes to keep out of in red.
    """
    found = []
    dream = mpc.dream
    if dream is not None:
        layout, states = mpc.model.layout, dream.states.cpu().numpy()
        ranks = np.argsort(-mpc.scores().cpu().numpy())
        chosen = ranks[np.unique(np.linspace(0, len(ranks) - 1, _SHOWN).astype(int))]
        places = {'end_effector': layout.ee}
        if mpc.task.goal_of != 'end_effector':
            places[mpc.task.goal_of] = layout.subject(mpc.task)
        for name, where in places.items():
            for i, k in enumerate(chosen):
                share = i / max(1, len(chosen) - 1)
                colour = (*((1.0 - share) * _GOOD + share * _BAD), 0.6)
                found.append(convert.line(frame, f'imagined_{name}', i, states[k, :, where],
                                          colour, 0.002, _LIFETIME))
    found.append(convert.line(frame, 'plan', 0, plan.path, _PLAN, 0.006, _LIFETIME))
    found.append(convert.sphere(frame, 'goal', goal[:3], 2 * mpc.task.tolerance, _GOAL,
                                _LIFETIME))
    boxes = np.reshape(mpc.settings.keep_out, (-1, 6))
    found += [convert.box(frame, 'keep_out', i, box[:3], box[3:], _BOX, _LIFETIME)
              for i, box in enumerate(boxes)]
    return convert.MarkerArray(markers=found)
