"""Train the agent of a task: what it begins with, where it learns, and what becomes of it."""

from dataclasses import replace
import sys

import numpy as np
from sim.randomize import load_randomization
from sim.tasks import make_task
from wm_ros.cli._request import check_engine
from wm_ros.console import StageBars
from wm_ros.data import prepare_folder, read_episodes
from wm_ros.evaluation.edge_cases import load_cases
from wm_ros.evaluation.run import parameters, Request
from wm_ros.files import write_json
from wm_ros.learning.configured import configured
from wm_ros.learning.recipe import ALONE_PLANNER, get_recipe, Recipe
from wm_ros.learning.train import School, Training
from wm_ros.param_table import MPC
from wm_ros.paths import weights_file
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import WmRosError
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.weights import check_output

_WORLDS = 64            # that are drawn to see what there is to tell of them


def run(arguments) -> int:
    """Train, save and print."""
    robot = load_robot(arguments.robot)
    begin = _begin(arguments, robot)
    recipe = _recipe(arguments, begin)
    output = arguments.output or f'{robot.name}_{arguments.task}'
    check_output(output, arguments.json)
    cases = _edge_cases(arguments, robot)
    school = _school(arguments, robot, recipe, cases)
    recorded = _recorded(arguments, ('wrench',) if recipe.context else ())
    with StageBars() as bars:
        training = Training(robot, arguments.task, recipe, arguments.seed,
                            _planner(arguments, robot), arguments.device, bars.report, school,
                            None if begin is None else begin.dynamics)
        training.add(recorded)
        try:
            figures = training.run()
            digest = training.save(output, {
                **figures, 'from': '' if begin is None else begin.checkpoint,
                'edge_cases': [case.seed for case in cases]})
        finally:
            training.close()
    print(f'{weights_file(output)} ({digest}): {figures["environment_steps"]} environment steps, '
          f'{figures["demonstration_steps"]} of them with a demonstration, '
          f'{figures["updates"]} updates, {figures["seconds"]:.0f} s')
    if training.curriculum is not None:
        _tell_of_shares(training.curriculum.to_dict())
    write_json(arguments.json, {'task': arguments.task, 'seed': arguments.seed,
                                'checkpoint': digest, **figures})
    return 0


def _recipe(arguments, begin):
    recipe = get_recipe(arguments.task, not arguments.no_demonstrations, arguments.debug_run,
                        bool(arguments.randomization), bool(arguments.begin),
                        bool(arguments.edge_cases))
    recipe, = configured((Recipe,), arguments.set, recipe.to_dict(),
                         ('demonstrations', 'context', 'edge_share'))
    context = arguments.context if begin is None else begin.dynamics.config.context
    return recipe if context is None else replace(recipe, context=context)


def _planner(arguments, robot):
    """Return the planner's parameters, by name."""
    found = {name: value for name, value in parameters(Request(arguments.task, 1))[MPC].items()
             if name.startswith(('planner.', 'objective.'))}
    found['planner.dt'] = robot.dt
    if arguments.no_demonstrations:
        found.update(ALONE_PLANNER)
    return found


def _school(arguments, robot, recipe, cases) -> School:
    """Return where the agent learns."""
    check_engine(arguments.engine)
    randomization = None
    if arguments.curriculum and not arguments.randomization:
        raise WmRosError('--curriculum: needs --randomization, whose worlds it widens')
    if arguments.randomization:
        randomization = load_randomization(arguments.randomization, arguments.seed)
    if arguments.keep:
        prepare_folder('--keep', arguments.keep)
    return School(arguments.engine, randomization,
                  [(case.seed, case.randomization) for case in cases], arguments.curriculum,
                  arguments.keep or None, _told(arguments, robot, recipe, randomization))


def _begin(arguments, robot):
    """Return the world model that is gone on from, None for nothing."""
    if not arguments.begin:
        return None
    model = load_checkpoint(arguments.begin, robot, get_task(arguments.task), backend='eager')
    if arguments.context not in (None, model.dynamics.config.context):
        raise WmRosError(f'--context: got {arguments.context}, expected that of --from '
                         f'{arguments.begin}, {model.dynamics.config.context}, or none')
    return model


def _told(arguments, robot, recipe, randomization):
    """Return the names of what contexts are to tell, which has to be drawn, and to vary."""
    if not arguments.tell:
        return ()
    if arguments.begin or not recipe.context:
        raise WmRosError('--tell: needs a context that begins anew: --randomization, without '
                         '--from and --context 0')
    drawn = _numbers(arguments, robot, randomization)
    for name in arguments.tell:
        values = drawn.get(name)
        if values is None:
            raise WmRosError(f'--tell: got {name}, expected numbers that --randomization draws: '
                             f'{", ".join(drawn) or "none"}')
        if min(values) <= 0.0:
            raise WmRosError(f'--tell: got {name}, of which {min(values):.3g} was drawn; expected '
                             'what is always above 0: contexts tell its logarithm')
        if min(values) == max(values):
            raise WmRosError(f'--tell: got {name}, which is always {values[0]:.3g}; expected what '
                             'varies from episode to episode')
    return tuple(dict.fromkeys(arguments.tell))


def _numbers(arguments, robot, randomization):
    """Return numbers that are drawn, by name, of some worlds each."""
    if randomization is None:
        return {}
    task, found = make_task(arguments.task), {}
    for seed in range(_WORLDS):
        boxes = task.blocks(np.random.default_rng(seed))
        conditions = randomization.draw(seed, boxes, len(robot.joint_names))
        for name, value in conditions.numbers().items():
            found.setdefault(name, []).append(value)
    return found


def _edge_cases(arguments, robot):
    """Return the cases of all files, each once."""
    found = {}
    for file in arguments.edge_cases:
        cases = load_cases(file)
        cases.check(arguments.task, robot)
        engine = cases.engine or 'pybullet'
        if engine != arguments.engine:
            raise WmRosError(f'--edge-cases {file}: are of {engine}, and --engine is '
                             f'{arguments.engine}; expected the same: add --engine {engine}')
        found.update({(case.seed, str(case.values)): case for case in cases.cases})
    return list(found.values())


def _recorded(arguments, streams):
    if not arguments.data:
        return []
    return read_episodes(arguments.data, arguments.task,
                         lambda complaint: print(complaint, file=sys.stderr), streams)


def _tell_of_shares(shares):
    """Say of a curriculum that has not come to its end how far it came."""
    part = {name: share for name, share in shares.items() if share < 1.0}
    if part:
        print(f'curriculum: {len(shares) - len(part)} of {len(shares)} entries are as wide as '
              '--randomization has them; of the others so much: '
              + ', '.join(f'{name} {share:g}' for name, share in part.items()))
