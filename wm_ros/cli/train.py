"""
Train a world model with its policy prior in simulation, from nothing or --from a checkpoint.

Data of the scripted expert with noise first, then rounds in which the model collects with
its own planner; --no-demonstrations does without the script.  With --edge-cases half of the
episodes are those that wm_ros edge_cases has found.  --env trains a latent agent in a
Gymnasium environment instead.
"""

import argparse

from wm_ros.cli._request import refuse_env_arguments

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
    parser.add_argument('--env-arg', action='append', default=[], metavar='KEY=VALUE',
                        help='an argument of --env, such as reward_type=dense; evaluate uses it '
                        'again')
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
    parser.add_argument('--data', action='extend', nargs='+', default=[], metavar='DIR',
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
    parser.add_argument('--edge-cases', action='extend', nargs='+', default=[], metavar='FILE',
                        help='half of the episodes are these, which wm_ros edge_cases has found')
    parser.add_argument('--from', dest='begin', default='', metavar='NAME',
                        help='go on from a checkpoint, in less time than from nothing')
    parser.add_argument('--context', type=int, default=None, metavar='N',
                        help='width of what tells of hidden physics, 0 for none (default: 16 with '
                        '--randomization, 0 without)')
    parser.add_argument('--tell', action='extend', nargs='+', default=[], metavar='TERM',
                        help='numbers that --randomization draws, such as object.mass, which the '
                        'context learns to tell, for belief.hidden')
    parser.add_argument('--steps', type=int, metavar='N',
                        help='of the environment, with --env (default: 1000000)')
    parser.add_argument('--set', action='append', default=[], metavar='KEY=VALUE',
                        help='an amount of the recipe, such as first_episodes=60, or a setting '
                        'of a part, or of --env')
    part = parser.add_argument_group('of parts that are trained on recordings')
    part.add_argument('--held-out', action='extend', nargs='+', default=[], metavar='DIR',
                      help='recordings to validate on')
    part.add_argument('--resume', action='store_true',
                      help='go on with a run that was stopped or killed; with --env as well')
    part.add_argument('--log-dir', default='', metavar='DIR',
                      help='scalars and pictures for TensorBoard')
    parser.add_argument('--debug-run', action='store_true', help='every part in seconds')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Train and save."""
    import torch
    from wm_ros.cli._places import check_places
    from wm_ros.types import WmRosError
    check_places(arguments, {'--json': arguments.json})
    if arguments.threads < 1:
        raise WmRosError(f'--threads: got {arguments.threads}, expected at least 1')
    torch.set_num_threads(arguments.threads)
    if arguments.env is not None:
        from wm_ros.cli import _train_env
        return _train_env.run(arguments)
    refuse_env_arguments(arguments)
    if arguments.steps is not None:
        raise WmRosError(f'--steps: got {arguments.steps} with --task, expected it with --env')
    if arguments.model != 'agent':
        from wm_ros.cli import _train_part
        _refuse_settings_of_agents(arguments)
        return _train_part.run(arguments)
    _refuse_settings_of_parts(arguments)
    from wm_ros.cli import _train_agent
    return _train_agent.run(arguments)


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
    for flag in ('held_out', 'resume', 'log_dir'):
        if getattr(arguments, flag):
            raise WmRosError(f'--{flag.replace("_", "-")} is for parts that are trained on '
                             'recordings: add --model tokenizer')
