"""
Train a world model with its policy prior from nothing, in simulation.

Data of the scripted expert with noise first, then rounds in which the model collects with
its own planner; --no-demonstrations does without the script.  --env trains a latent agent in a
Gymnasium environment instead.
"""

import argparse
import sys

_EXAMPLES = """
examples:
  wm_ros train --task reach --output reach          about a minute
  wm_ros train --task push --seed 1 --output push_1
  wm_ros train --task push --no-demonstrations --output alone
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
                        'trained on recordings: tokenizer, sequence, eyes or '
                        'decoder')
    parser.add_argument('--output', default='', metavar='NAME',
                        help='checkpoint to write: NAME.safetensors and NAME.json '
                        '(default: <robot>_<task>; of a part <task>_<model>; with --env ID)')
    parser.add_argument('--seed', type=int, default=0)
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
    parser.add_argument('--context', type=int, default=None, metavar='N',
                        help='width of what tells of hidden physics, 0 for none (default: 16 with '
                        '--randomization, 0 without)')
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
    from wm_ros.console import prepare_json, StageBars, write_json
    from wm_ros.evaluation.run import parameters, Request
    from wm_ros.learning.recipe import ALONE_PLANNER, get_recipe
    from wm_ros.learning.train import Training
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
                        bool(arguments.randomization))
    if arguments.context is not None:
        recipe = replace(recipe, context=arguments.context)
    planner = {name: value for name, value in parameters(Request(arguments.task, 1))[MPC].items()
               if name.startswith(('planner.', 'objective.'))}
    planner['planner.dt'] = robot.dt
    if arguments.no_demonstrations:
        planner.update(ALONE_PLANNER)
    output = arguments.output or f'{robot.name}_{arguments.task}'
    check_output(output, arguments.json)
    randomization = None
    if arguments.randomization:
        randomization = load_randomization(arguments.randomization)
    recorded, keep = _recorded(arguments), _keep(arguments)
    with StageBars() as bars:
        training = Training(robot, arguments.task, recipe, arguments.seed, planner,
                            arguments.device, bars.report, randomization, keep)
        training.add(recorded)
        try:
            figures = training.run()
            digest = training.save(output, figures)
        finally:
            training.close()
    print(f'{weights_file(output)} ({digest}): {figures["environment_steps"]} environment steps, '
          f'{figures["demonstration_steps"]} of them with a demonstration, '
          f'{figures["updates"]} updates, {figures["seconds"]:.0f} s')
    write_json(arguments.json, {'task': arguments.task, 'seed': arguments.seed,
                                'checkpoint': digest, **figures})
    return 0


def _refuse_settings_of_agents(arguments):
    from wm_ros.types import WmRosError
    if arguments.keep:
        raise WmRosError('--keep is for the agent, which collects what it learns from; a part '
                         'learns from what was recorded')
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


def _recorded(arguments):
    from wm_ros.data import read_episodes
    if not arguments.data:
        return []
    return read_episodes(arguments.data, arguments.task,
                         lambda complaint: print(complaint, file=sys.stderr))


def _keep(arguments):
    from wm_ros.data import prepare_folder
    if not arguments.keep:
        return None
    prepare_folder('--keep', arguments.keep)
    return arguments.keep
