"""
Watch a dream: frames that a camera saw, above those that the world model dreams.

The model is shown the first observations of a recorded episode, without its frames; from
then on it is told the actions and nothing else.
"""

import argparse
from pathlib import Path

_EXAMPLES = """
examples:
  wm_ros collect --task push --episodes 20 --seed 70000 --frames 64 --plain --output seen
  wm_ros dream --task push --data seen --output dream.png
  wm_ros dream --task push --data seen --episode 3 --output dream.gif
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'dream', help='watch a dream', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--task', required=True, help='such as push')
    parser.add_argument('--data', required=True, metavar='DIR',
                        help='recordings with frames (wm_ros collect --frames 64 --plain)')
    parser.add_argument('--output', required=True, metavar='FILE',
                        help='a picture, observed above dreamed, or a film where it ends in .gif')
    parser.add_argument('--model', default='', metavar='NAME',
                        help='model of sequences (default: <robot>_<task>_world)')
    parser.add_argument('--decoder', default='', metavar='NAME',
                        help='frame decoder (default: <robot>_<task>_watch)')
    parser.add_argument('--episode', type=int, default=-1, metavar='N',
                        help='of the recordings (default: that in which most happens)')
    parser.add_argument('--steps', type=int, default=25, metavar='N', help='to dream')
    parser.add_argument('--robot', default='panda')
    parser.add_argument('--device', default='cpu', help='torch device')
    parser.add_argument('--seed', type=int, default=0, help='of what is drawn')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Dream and write the picture."""
    import sys
    import imageio.v2 as imageio
    import numpy as np
    from wm_ros.data import Bank
    from wm_ros.data.windows import columns_for
    from wm_ros.evaluation import strip
    from wm_ros.files import whole
    from wm_ros.types import WmRosError
    from wm_ros.world_model.load import load_decoder, load_part
    name = f'{arguments.robot}_{arguments.task}'
    named = arguments.model or f'{name}_world'
    model = load_part(named, 'sequence_model', arguments.device)
    decoder = load_decoder(arguments.decoder or f'{name}_watch', named, arguments.device)
    if arguments.steps < 1:
        raise WmRosError(f'--steps: got {arguments.steps}, expected at least 1')
    bank = Bank(Path(arguments.data), arguments.task,
                lambda complaint: print(complaint, file=sys.stderr),
                columns_for(model.config.streams, 'frames', 'states'))
    episode = arguments.episode
    if episode < 0:
        episode = strip.busiest(bank, arguments.steps)
    elif episode >= bank.episodes:
        raise WmRosError(f'--episode: got {episode}, expected below {bank.episodes}')
    film = strip.film(model, decoder, bank, episode, arguments.steps, arguments.seed)
    output = Path(arguments.output)
    try:
        if output.suffix == '.gif':
            data = imageio.mimwrite('<bytes>', [strip.strip(film, [t]) for t in range(
                arguments.steps + 1)], format='gif', duration=100, loop=0)
        else:
            moments = np.linspace(0, arguments.steps, min(arguments.steps + 1, 6)).astype(int)
            data = imageio.imwrite('<bytes>', strip.strip(film, moments),
                                   format=output.suffix or '.png')
        with whole(output) as partial:
            partial.write_bytes(data)
    except (OSError, ValueError) as error:
        raise WmRosError(f'--output {arguments.output}: {error}') from error
    likeness = strip.likeness(film)
    print(f'{arguments.output}: episode {episode}, {arguments.steps} steps; PSNR '
          f'{likeness[0]:.1f} dB at once, {likeness[-1]:.1f} dB at the end')
    return 0
