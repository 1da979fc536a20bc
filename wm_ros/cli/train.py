"""
Train a world model with its policy prior in simulation, from nothing or --from a checkpoint.

Data of the scripted expert with noise first, then rounds in which the model collects with
its own planner; --no-demonstrations does without the script.  With --edge-cases half of the
episodes are those that wm_ros edge_cases has found.  --env trains a latent agent in a
Gymnasium environment instead.
"""

import argparse
import sys

_EXAMPLES = """
examples:
  wm_ros train --task reach --output reach          about a minute
  wm_ros train --task push --seed 1 --output push_1
  wm_ros train --task push --no-demonstrations --output alone
  wm_ros train --task push --from panda_push --edge-cases cases.yaml --output firm
  wm_ros train --task push --debug-run              every part in seconds; learns nothing
  wm_ros train --task push --model tokenizer --data seen --held-out others --output tokens
  wm_ros train --env PandaReach-v3 --steps 20000 --output panda_gym_reach
  wm_ros evaluate --task reach --checkpoint reach   what it can do
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'train', help='train a world model', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument('--task', help='such as reach or push')
    where.add_argument('--env', metavar='ID', help='a Gymnasium environment with continuous '
                       'actions, such as PandaPush-v3 or package:ID')
    parser.add_argument('--model', default='agent',
                        help='what to train: the agent, or a part of a world model that is '
                        'trained on recordings: tokenizer, sequence, eyes, decoder or actor')
    parser.add_argument('--output', default='', metavar='NAME',
                        help='checkpoint to write: NAME.safetensors and NAME.json '
                        '(default: <robot>_<task>; of a part <task>_<model>; with --env ID)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of all that is drawn, the worlds of --randomization included')
    parser.add_argument('--robot', default='panda', help='to train for; of a part: that was '
                        'recorded')
    parser.add_argument('--device', default='cpu', help='torch device')
    parser.add_argument('--threads', type=int, default=1, help='of torch on the CPU')
    parser.add_argument('--no-demonstrations', action='store_true',
                        help='no scripted expert: explore, then learn from the planner')
    parser.add_argument('--data', nargs='+', default=[], metavar='DIR',
                        help='begin with the episodes of these folders (wm_ros collect)')
    parser.add_argument('--keep', default='', metavar='DIR',
                        help='keep the episodes that the agent collects, for --data of another '
                        'training')
    parser.add_argument('--randomization', default='', metavar='NAME',
                        help='worlds to learn in: a name in config/randomization, or a file')
    parser.add_argument('--engine', default='pybullet', metavar='NAME',
                        help='physics to learn in: pybullet or mujoco')
    parser.add_argument('--curriculum', action='store_true',
                        help='worlds vary little at first, and more wherever the agent succeeds '
                        '(needs --randomization)')
    parser.add_argument('--edge-cases', nargs='+', default=[], metavar='FILE',
                        help='half of the episodes are these, which wm_ros edge_cases has found')
    parser.add_argument('--from', dest='begin', default='', metavar='NAME',
                        help='go on from a checkpoint, in less time than from nothing')
    parser.add_argument('--context', type=int, default=None, metavar='N',
                        help='width of what tells of hidden physics, 0 for none (default: 16 with '
                        '--randomization, 0 without)')
    parser.add_argument('--tell', nargs='+', default=[], metavar='TERM',
                        help='numbers that --randomization draws, such as object.mass, which the '
                        'context learns to tell, for belief.hidden')
    parser.add_argument('--steps', type=int, metavar='N',
                        help='of the environment, with --env (default: 1000000)')
    part = parser.add_argument_group('of parts that are trained on recordings')
    part.add_argument('--held-out', nargs='+', default=[], metavar='DIR',
                      help='recordings to validate on')
    part.add_argument('--set', action='append', default=[], metavar='KEY=VALUE',
                      help='a setting of the part or its training; with --env as well')
    part.add_argument('--resume', action='store_true',
                      help='go on with a run that was stopped or killed; with --env as well')
    part.add_argument('--log-dir', default='', metavar='DIR',
                      help='scalars and pictures for TensorBoard')
    parser.add_argument('--debug-run', action='store_true', help='every part in seconds')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Train and save."""
    from dataclasses import replace
    from sim.randomize import load_randomization
    import torch
    from wm_ros.console import prepare_json, StageBars
    from wm_ros.files import write_json
    from wm_ros.evaluation.run import parameters, Request
    from wm_ros.learning.recipe import ALONE_PLANNER, get_recipe
    from wm_ros.learning.train import School, Training
    from wm_ros.param_table import MPC
    from wm_ros.paths import weights_file
    from wm_ros.robot.robot import load_robot
    from wm_ros.types import WmRosError
    from wm_ros.world_model.weights import check_output
    prepare_json(arguments.json)
    if arguments.threads < 1:
        raise WmRosError(f'--threads: got {arguments.threads}, expected at least 1')
    torch.set_num_threads(arguments.threads)
    if arguments.env:
        from wm_ros.cli import _train_env
        return _train_env.run(arguments)
    if arguments.steps is not None:
        raise WmRosError(f'--steps: got {arguments.steps} with --task, expected it with --env')
    if arguments.model != 'agent':
        from wm_ros.cli import _train_part
        _refuse_settings_of_agents(arguments)
        return _train_part.run(arguments)
    _refuse_settings_of_parts(arguments)
    robot = load_robot(arguments.robot)
    recipe = get_recipe(arguments.task, not arguments.no_demonstrations, arguments.debug_run,
                        bool(arguments.randomization), bool(arguments.begin),
                        bool(arguments.edge_cases))
    begin = _begin(arguments, robot)
    context = arguments.context if begin is None else begin.dynamics.config.context
    if context is not None:
        recipe = replace(recipe, context=context)
    planner = {name: value for name, value in parameters(Request(arguments.task, 1))[MPC].items()
               if name.startswith(('planner.', 'objective.'))}
    planner['planner.dt'] = robot.dt
    if arguments.no_demonstrations:
        planner.update(ALONE_PLANNER)
    output = arguments.output or f'{robot.name}_{arguments.task}'
    check_output(output, arguments.json)
    randomization = None
    if arguments.curriculum and not arguments.randomization:
        raise WmRosError('--curriculum: needs --randomization, whose worlds it widens')
    if arguments.randomization:
        randomization = load_randomization(arguments.randomization, arguments.seed)
    keep = _keep(arguments)
    recorded = _recorded(arguments, ('wrench',) if recipe.context else ())
    cases = _edge_cases(arguments, robot)
    school = School(arguments.engine, randomization,
                    [(case.seed, case.randomization) for case in cases],
                    arguments.curriculum, keep, _told(arguments, recipe, randomization))
    with StageBars() as bars:
        training = Training(robot, arguments.task, recipe, arguments.seed, planner,
                            arguments.device, bars.report, school,
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
    write_json(arguments.json, {'task': arguments.task, 'seed': arguments.seed,
                                'checkpoint': digest, **figures})
    return 0


def _begin(arguments, robot):
    """Return the world model that is gone on from, None for nothing."""
    from wm_ros.tasks import get_task
    from wm_ros.types import WmRosError
    from wm_ros.world_model import load_checkpoint
    if not arguments.begin:
        return None
    model = load_checkpoint(arguments.begin, robot, get_task(arguments.task), backend='eager')
    if arguments.context not in (None, model.dynamics.config.context):
        raise WmRosError(f'--context: got {arguments.context}, expected that of --from '
                         f'{arguments.begin}, {model.dynamics.config.context}, or none')
    return model


def _told(arguments, recipe, randomization):
    """Return the names of what contexts are to tell, which has to be drawn."""
    from wm_ros.types import WmRosError
    if not arguments.tell:
        return ()
    if arguments.begin or not recipe.context:
        raise WmRosError('--tell: needs a context that begins anew: --randomization, without '
                         '--from and --context 0')
    drawn = {} if randomization is None else {
        entry.term.name: entry for entry in randomization.entries}
    for name in arguments.tell:
        entry = drawn.get(name.split('[')[0])
        if entry is None:
            raise WmRosError(f'--tell: got {name}, expected what --randomization draws: '
                             f'{", ".join(drawn) or "nothing"}')
    return tuple(arguments.tell)


def _edge_cases(arguments, robot):
    """Return the cases of all files, each once."""
    from wm_ros.evaluation.edge_cases import load_cases
    found = {}
    for file in arguments.edge_cases:
        cases = load_cases(file)
        cases.check(arguments.task, robot)
        found.update({(case.seed, str(case.values)): case for case in cases.cases})
    return list(found.values())


def _refuse_settings_of_agents(arguments):
    from wm_ros.types import WmRosError
    for flag, name in (('--edge-cases', 'edge_cases'), ('--from', 'begin'),
                       ('--curriculum', 'curriculum'), ('--keep', 'keep')):
        if getattr(arguments, name):
            raise WmRosError(f'{flag} is for the agent; a part learns from what was recorded')
    if arguments.engine != 'pybullet':
        raise WmRosError('--engine is for the agent; a part learns from what was recorded')
    if arguments.randomization:
        raise WmRosError('--randomization is for the agent; a part learns from what was recorded '
                         '(wm_ros collect --randomization)')
    if arguments.no_demonstrations:
        raise WmRosError('--no-demonstrations is for the agent; a part learns from whatever was '
                         'recorded (wm_ros collect)')


def _refuse_settings_of_parts(arguments):
    from wm_ros.learning import parallel
    from wm_ros.types import WmRosError
    if parallel.started_together():
        raise WmRosError('torchrun shares out the training of parts (--model tokenizer, '
                         'sequence, eyes, decoder, actor); the agent is trained by one process')
    for flag in ('held_out', 'set', 'resume', 'log_dir'):
        if getattr(arguments, flag):
            raise WmRosError(f'--{flag.replace("_", "-")} is for parts that are trained on '
                             'recordings: add --model tokenizer')


def _recorded(arguments, streams):
    from wm_ros.data import read_episodes
    if not arguments.data:
        return []
    return read_episodes(arguments.data, arguments.task,
                         lambda complaint: print(complaint, file=sys.stderr), streams)


def _keep(arguments):
    from wm_ros.data import prepare_folder
    if not arguments.keep:
        return None
    prepare_folder('--keep', arguments.keep)
    return arguments.keep
