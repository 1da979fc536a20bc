"""Measure a latent agent in a Gymnasium environment: that it was trained in, or another."""

import sys

#: Arguments that mean nothing there, and what they are when nobody gave them.
_OTHERS = {'robot': '', 'sensors': '', 'engine': '', 'randomization': '', 'params_file': [],
           'ros': False, 'ray': '', 'sweep': [], 'edge_cases': '',
           'report': None, 'jobs': None, 'startup': None}


def run(arguments) -> int:
    """Play episodes of seeds that are not trained on; print and write what came of them."""
    import torch
    from wm_ros.cli._train_env import environment_arguments, refuse_others, register
    from wm_ros.console import progress_bar
    from wm_ros.files import write_json
    from wm_ros.learning.latent import evaluate
    from wm_ros.learning.latent.origin import origin
    from wm_ros.planning.settings import PlannerSettings
    refuse_others(arguments, _OTHERS)
    _check(arguments)
    torch.set_num_threads(1)
    register(arguments.env)
    trained = origin(arguments.checkpoint)
    environment = _environment(arguments.env, trained, environment_arguments(arguments.env_arg))
    agent, digest = evaluate.load(arguments.checkpoint, environment)
    parameters = _planner(arguments)
    settings = PlannerSettings.from_params(parameters)
    actor = evaluate.Actor(agent, settings)
    if not trained.is_of(arguments.env):
        print(f'wm_ros: {arguments.checkpoint} was trained in {trained}, not in {arguments.env}',
              file=sys.stderr)
    with progress_bar(arguments.env, arguments.episodes) as advance:
        results = evaluate.play(
            environment, actor, range(arguments.seed, arguments.seed + arguments.episodes),
            lambda so_far: advance(len(so_far), **evaluate.brief(so_far)))
    environment.close()
    figures = {'env': arguments.env, 'env_args': environment.arguments,
               'trained_in': trained.name, 'seed': arguments.seed, **evaluate.figures_of(results),
               'planner': settings.type, 'horizon': settings.horizon, 'checkpoint': digest,
               'failed_seeds': [result.seed for result in results if result.success is False],
               'returns': [result.total for result in results],
               'parameters': {name: value for name, value in parameters.items()
                              if name.startswith('planner.')}}
    _show(figures)
    write_json(arguments.json, figures)
    return 0


def _show(figures):
    from wm_ros.cli._train_env import told
    print(f'{figures["env"]}: {told(figures)} in {figures["episodes"]} episodes of '
          f'{figures["steps_mean"]:.1f} steps; {figures["planner"]}, plan '
          f'{figures["plan_ms_p50"]:.1f} ms p50, {figures["plan_ms_p99"]:.1f} ms p99; '
          f'checkpoint {figures["checkpoint"]}')


def _environment(name, trained, given):
    """Return the environment, as the agent knows it where it is the same, or as is ``given``."""
    from wm_ros.learning.latent.environment import Environment
    if not trained.is_of(name):
        return Environment(name, given)
    environment = Environment(name, {**trained.arguments, **given})
    environment.tells = trained.tells
    return environment


def _check(arguments):
    from wm_ros import seeds
    from wm_ros.types import WmRosError
    if not arguments.checkpoint:
        raise WmRosError('--env: got no --checkpoint, expected the one that was trained there '
                         f'(wm_ros train --env {arguments.env} --output NAME)')
    for name, least in (('episodes', 1), ('seed', 0)):
        if getattr(arguments, name) < least:
            raise WmRosError(f'--{name}: got {getattr(arguments, name)}, expected at least '
                             f'{least}')
    if arguments.seed + arguments.episodes > seeds.TUNING:
        raise WmRosError(f'--seed: got {arguments.seed} for {arguments.episodes} episodes, '
                         f'expected seeds below {seeds.TUNING}: others choose, or train')


def _planner(arguments):
    from wm_ros.learning.latent.evaluate import PLANNER
    from wm_ros.param_layers import Layers
    from wm_ros.param_table import MPC
    layers = Layers((MPC,))
    layers.add('the planner of latent agents', {MPC: PLANNER})
    for setting in arguments.set:
        layers.add_setting(setting)
    if arguments.planner:
        layers.add_setting(f'planner.type:={arguments.planner}')
    return layers.merged(MPC)
