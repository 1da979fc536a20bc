"""
Record episodes in simulation: of the scripted expert, noisy or not, or of random actions.

What is recorded can be trained on with wm_ros train --data.
"""

import argparse

_EXAMPLES = """
examples:
  wm_ros collect --task push --episodes 300 --output data/push
  wm_ros collect --task push --source random --output data/random
  wm_ros train --task push --data data/push         instead of collecting at the start
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'collect', help='record episodes', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='reach or push')
    parser.add_argument('--output', required=True, metavar='DIR', help='folder to write to')
    parser.add_argument('--episodes', type=int, default=100, metavar='N')
    parser.add_argument('--source', choices=('noisy', 'script', 'random'), default='noisy',
                        help='noisy: the script, disturbed in bursts (default)')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--robot', default='panda')
    parser.add_argument('--json', metavar='FILE', help='write the figures there')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Record the episodes."""
    import numpy as np
    from wm_ros.console import prepare_json, progress_bar, write_json
    from wm_ros.data import write_episode
    from wm_ros.learning.collect import Collector, record
    from wm_ros.robot.robot import load_robot
    prepare_json(arguments.json)
    collector = Collector(load_robot(arguments.robot), arguments.task)
    rng = np.random.default_rng(arguments.seed)
    steps, successes = 0, 0
    with progress_bar(arguments.task, arguments.episodes) as advance:
        for number in range(arguments.episodes):
            episode = record(collector, arguments.source, arguments.seed + number, rng)
            write_episode(arguments.output, number, episode)
            steps += len(episode.actions)
            successes += episode.success
            advance(number + 1, steps=steps, success=successes / (number + 1))
    collector.close()
    print(f'{arguments.output}: {arguments.episodes} episodes, {steps} steps, '
          f'{successes} successes')
    write_json(arguments.json, {'task': arguments.task, 'episodes': arguments.episodes,
                                'steps': steps, 'successes': int(successes)})
    return 0
