"""Measure an agent in the Gymnasium environment that it was trained in."""


#: Arguments that mean nothing there, and what they are when nobody gave them.
_OTHERS = {'robot': '', 'sensors': '', 'engine': '', 'randomization': '', 'params_file': [],
           'ros': False, 'ray': '', 'sweep': [], 'edge_cases': '',
           'report': None, 'jobs': None, 'startup': None}


def run(arguments) -> int:
    """Play episodes of seeds that are not trained on; print and write what came of them."""
    import torch
    from wm_ros.cli._train_env import refuse_others, register, told
    from wm_ros.console import progress_bar
    from wm_ros.files import write_json
    from wm_ros.learning.latent import evaluate
    from wm_ros.learning.latent.environment import Environment
    refuse_others(arguments, _OTHERS)
    _check(arguments)
    torch.set_num_threads(1)
    register(arguments.env)
    environment = Environment(arguments.env)
    agent, digest = evaluate.load(arguments.checkpoint, environment)
    settings = _planner(arguments)
    actor = evaluate.Actor(agent, settings)
    with progress_bar(arguments.env, arguments.episodes) as advance:
        results = evaluate.play(
            environment, actor, range(arguments.seed, arguments.seed + arguments.episodes),
            lambda so_far: advance(len(so_far), **evaluate.brief(so_far)))
    environment.close()
    figures = {'env': arguments.env, 'seed': arguments.seed, **evaluate.figures_of(results),
               'planner': settings.type, 'horizon': settings.horizon, 'checkpoint': digest,
               'failed_seeds': [result.seed for result in results if result.success is False],
               'returns': [result.total for result in results]}
    low, high = figures['success_ci95'] or (0.0, 0.0)
    interval = f' (95 % {low:.3f} to {high:.3f})' if figures['success_ci95'] else ''
    print(f'{arguments.env}: {told(figures)}{interval} in {figures["episodes"]} episodes of '
          f'{figures["steps_mean"]:.1f} steps; {settings.type}, plan '
          f'{figures["plan_ms_p50"]:.1f} ms p50, {figures["plan_ms_p99"]:.1f} ms p99; '
          f'checkpoint {digest}')
    write_json(arguments.json, figures)
    return 0


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
    from wm_ros.planning.settings import PlannerSettings
    layers = Layers((MPC,))
    layers.add('the planner of latent agents', {MPC: PLANNER})
    for setting in arguments.set:
        layers.add_setting(setting)
    if arguments.planner:
        layers.add_setting(f'planner.type:={arguments.planner}')
    return PlannerSettings.from_params(layers.merged(MPC))
