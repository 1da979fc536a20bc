"""
Planners of others on the neutral problem, used as their documentation says.

stable-worldmodel's solvers ask a model for the costs of candidates, pytorch-mppi for a step and
its cost.  Both get the network as eager torch.
"""

from contextlib import redirect_stdout
from importlib.util import find_spec, module_from_spec
import io
import sys
from types import SimpleNamespace

import torch
from torch import nn
from wm_ros.bench.planning.neutral import (
    Case, HORIZON, ITERATIONS, STARTS, STEP, TEMPERATURE, WIDTH)
from wm_ros.types import WmRosError
from wm_ros.world_model.tdmpc2 import Network


class _Costs(nn.Module):
    """What stable-worldmodel calls a costable: says what candidates cost."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def get_cost(self, info, candidates):
        """Return costs [1, K] of ``candidates`` [1, K, H, A] from info['latent'] [1, K, D]."""
        network, discount = self.network, self.network.sizes.discount
        z, total = info['latent'][0], 0.0
        for t, action in enumerate(candidates[0].clamp(-1.0, 1.0).unbind(1)):
            total = total + discount ** t * network.reward(z, action)
            z = network.next(z, action)
        total = total + discount ** HORIZON * network.value(z, network.policy(z), [0])
        return -total[None]


class StableWorldmodel:
    """One of stable-worldmodel's solvers: latent [D] in, plan [H, A] out."""

    def __init__(self, kind: str, case: Case, network: Network):
        import gymnasium
        solvers, space = _solvers(), gymnasium.spaces.Box(-1.0, 1.0, (1, case.sizes.actions))
        search = {'num_samples': case.candidates, 'var_scale': WIDTH, 'n_steps': ITERATIONS,
                  'topk': case.elites}
        ascent = {'num_samples': STARTS, 'var_scale': WIDTH, 'n_steps': ITERATIONS,
                  'optimizer_cls': torch.optim.Adam, 'optimizer_kwargs': {'lr': STEP}}
        make, settings = {
            'mppi': (solvers.MPPISolver, {**search, 'temperature': TEMPERATURE}),
            'cem': (solvers.CEMSolver, search), 'icem': (solvers.ICEMSolver, search),
            'gradient': (solvers.GradientSolver, ascent)}[kind]
        self._solver = make(_Costs(network), **settings)
        self._solver.configure(action_space=space, n_envs=1,
                               config=SimpleNamespace(horizon=HORIZON, action_block=1))

    def __call__(self, latent):
        with redirect_stdout(io.StringIO()):        # it prints the time of each plan
            return self._solver.solve({'latent': latent[None]})['actions'][0].numpy()


class PytorchMppi:
    """The planner of pytorch-mppi: latent [D] in, plan [H, A] out."""

    def __init__(self, case: Case, network: Network):
        self._network, self._discount = network, network.sizes.discount
        self._nothing = torch.zeros(HORIZON, case.sizes.actions)
        self._mppi = _mppi_module().MPPI(
            self._step, self._cost, case.sizes.latent,
            WIDTH ** 2 * torch.eye(case.sizes.actions), num_samples=case.candidates,
            horizon=HORIZON, lambda_=TEMPERATURE, u_min=-torch.ones(case.sizes.actions),
            u_max=torch.ones(case.sizes.actions), step_dependent_dynamics=True,
            terminal_state_cost=self._end)

    @torch.inference_mode()
    def __call__(self, latent):
        self._mppi.U = self._nothing
        for _ in range(ITERATIONS):
            self._mppi.command(latent, shift_nominal_trajectory=False)
        return self._mppi.U.numpy()

    def _step(self, state, action, t):
        # Its costs are of the state that an action leads to, ours of the one that it is taken in.
        self._reward = self._discount ** t * self._network.reward(state, action)
        return self._network.next(state, action)

    def _cost(self, state, action, t):
        return -self._reward

    def _end(self, states, actions):
        last = states[:, :, -1]
        value = self._network.value(last, self._network.policy(last), [0])
        return -self._discount ** HORIZON * value


def _solvers():
    """
    Return stable-worldmodel's solvers alone.

    What its own front door brings along (data sets, environments, torchvision, lancedb) has no
    part in them, and need not be there: a package that is not run stands in its place.
    """
    name = 'stable_worldmodel'
    if name not in sys.modules:
        found = find_spec(name)
        if found is None:
            raise _missing(name)
        sys.modules[name] = module_from_spec(found)     # and never run
    try:
        from stable_worldmodel import solver
    except ImportError as error:
        raise _missing(error.name) from error
    return solver


def _mppi_module():
    try:
        import pytorch_mppi
    except ImportError as error:
        raise _missing(error.name) from error
    return pytorch_mppi


def _missing(name):
    return WmRosError(f"{name} is missing: this bench needs pip install 'wm_ros[bench]'")
