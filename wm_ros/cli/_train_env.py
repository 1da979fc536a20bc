"""Train a latent agent in any Gymnasium environment."""

import json
import sys

_DEBUG = {'steps': 400, 'random': 100, 'stride': 20, 'batch': 16, 'evaluate': 200, 'episodes': 2,
          'environments': 2, 'latent': 16, 'hidden': 16, 'bins': 11}
#: Arguments that mean nothing there, and what they are when nobody gave them.
_OTHERS = {'robot': 'panda', 'model': 'agent', 'data': [], 'held_out': [], 'randomization': '',
           'no_demonstrations': False, 'log_dir': '', 'context': None, 'edge_cases': [],
           'begin': '', 'curriculum': False, 'keep': '',
           'engine': 'pybullet', 'tell': []}


def run(arguments) -> int:
    """Train in the environment; keep the best weights, and success over steps beside them."""
    from wm_ros.console import StageBars
    from wm_ros.files import write_json
    from wm_ros.learning.latent import state
    from wm_ros.learning.latent.training import Training
    from wm_ros.learning.state_file import check_none
    from wm_ros.paths import weights_file
    from wm_ros.world_model.weights import check_device, check_output
    refuse_others(arguments, _OTHERS)
    settings, given = _settings(arguments), environment_arguments(arguments.env_arg)
    output = arguments.output or plain(arguments.env)
    check_output(output, arguments.json)
    check_device(arguments.device)
    register(arguments.env)
    with StageBars() as bars:
        training = Training(arguments.env, settings, arguments.seed, output, arguments.device,
                            bars.report, given)
        if arguments.resume:
            state.load(training)
        else:
            check_none(training.state_path)
        try:
            figures = training.run()
        except KeyboardInterrupt:
            if training.state_path.is_file():
                print(f'wm_ros: stopped; go on from step {training.saved} with the same command '
                      'and --resume', file=sys.stderr)
            raise
    print(f'{weights_file(output)}: {told(figures)} in {figures["episodes"]} episodes; '
          f'{figures["environment_steps"]} environment steps, {figures["updates"]} updates, '
          f'{figures["seconds"]:.0f} s')
    write_json(arguments.json, {'env': arguments.env, 'seed': arguments.seed, **figures})
    return 0


def refuse_others(arguments, others):
    """Raise WmRosError for no environment, and for arguments that are about a task."""
    from wm_ros.types import WmRosError
    if not arguments.env:
        raise WmRosError("--env: got '', expected the ID of a Gymnasium environment, such as "
                         'PandaReach-v3 or package:ID')
    for name, usual in others.items():
        got = getattr(arguments, name)
        if got != usual:
            flag = {'begin': 'from'}.get(name, name.replace('_', '-'))
            raise WmRosError(f'--{flag}: got {got!r} beside --env, expected it '
                             'with --task only: an environment is all that --env trains in')


def environment_arguments(texts) -> dict:
    """Return what the texts KEY=VALUE say, values as YAML; WmRosError for others."""
    from wm_ros.types import WmRosError
    import yaml
    found = {}
    for text in texts:
        key, equals, value = text.partition('=')
        if not equals or not key.isidentifier():
            raise WmRosError(f'--env-arg: got {text!r}, expected KEY=VALUE, a keyword argument of '
                             'the environment')
        try:
            found[key] = yaml.safe_load(value)
            plain = json.loads(json.dumps(found[key], allow_nan=False)) == found[key]
        except yaml.YAMLError as error:
            raise WmRosError(f'--env-arg: got {text!r}, expected a value in YAML') from error
        except (TypeError, ValueError, RecursionError):
            plain = False
        if not plain:
            raise WmRosError(f'--env-arg: got {text!r}, expected a value that JSON can hold: '
                             'checkpoints keep it')
    return found


def register(name):
    """Let Gymnasium know the environments of this package where one of them is asked for."""
    if name.startswith('wm_ros/'):
        from sim.env import register as register_ours
        register_ours()


def plain(name) -> str:
    """Return a name for a file."""
    return name.split(':')[-1].replace('/', '_')


def told(figures) -> str:
    """Return what came of an evaluation, for people."""
    total = f'return {figures["return_mean"]:.4g}'
    if figures['success_rate'] is None:
        return total
    low, high = figures['success_ci95']
    return f'success {figures["success_rate"]:.3f} (95 % {low:.3f} to {high:.3f}), {total}'


def _settings(arguments):
    from wm_ros.learning.latent.settings import EnvSettings
    from wm_ros.learning.configured import configured
    usual = _DEBUG if arguments.debug_run else {}
    if arguments.steps is not None:
        usual = {**usual, 'steps': arguments.steps}
    return configured((EnvSettings,), arguments.set, usual)[0]
