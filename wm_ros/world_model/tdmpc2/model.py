"""The latent model as planners use it: imagine, with gradients or without."""

import torch
from wm_ros.types import WmRosError
from wm_ros.world_model.compiled.chain import PRECISIONS
from wm_ros.world_model.compiled.inductor import Compiled, WARM_UP
from wm_ros.world_model.tdmpc2.network import Network
from wm_ros.world_model.tdmpc2.rollout import LatentDream, Rollout

#: What dreams run on: compiled in one of two precisions, on a CPU; by torch.compile, with CUDA
#: graphs on a GPU (a minute to start); torch as it is.
BACKENDS = (*PRECISIONS, 'compile', 'eager')


class _Inductor:
    """A network whose steps are compiled; which value heads are asked changes, they are not."""

    def __init__(self, network: Network, device):
        self.next, self.policy, self.reward = (  # noqa: A003
            Compiled(method, device) for method in (network.next, network.policy, network.reward))
        self.value = network.value


class LatentModel:
    """
    Rolls latents forward; what planners ask of a model, for any encoder's latents.

    ``backend`` is one of BACKENDS; away from a CPU compile or eager.  Up to ``threads``
    share the candidates of a dream in float32 or bfloat16; torch's own are then best kept to one
    (``torch.set_num_threads``), as searches ask torch for little at a time.  The value heads that
    each dream asks are drawn from ``seed``.  Holds memory: one instance per thread.  Raises
    WmRosError for others.
    """

    def __init__(self, network: Network, backend: str = 'float32', device: str = 'cpu',
                 threads: int = 1, seed: int = 0):
        if backend not in BACKENDS:
            raise WmRosError(f'backend: got {backend!r}, expected one of {", ".join(BACKENDS)}')
        if backend in PRECISIONS and torch.device(device).type != 'cpu':
            raise WmRosError(f'backend: got {backend} on {device}, expected compile or eager '
                             'there')
        if threads < 1:
            raise WmRosError(f'threads: got {threads}, expected at least 1')
        self.dynamics = network.to(device).eval().requires_grad_(False)
        self.device = device
        self._eager = Rollout(self.dynamics)
        self._rollout = self._eager
        if backend == 'compile':
            self._rollout = self._compiled()
        elif backend != 'eager':
            # Late: eager torch works without numba.
            from wm_ros.world_model.tdmpc2.compiled import CompiledRollout
            self._rollout = CompiledRollout(self.dynamics, backend, threads)
        self._rng = torch.Generator().manual_seed(seed)

    @torch.inference_mode()
    def _compiled(self) -> Rollout:
        """Return a rollout that needs no more compiling, for any candidates and horizon."""
        rollout, sizes = Rollout(_Inductor(self.dynamics, self.device)), self.dynamics.sizes
        latent = torch.full((sizes.latent,), 1.0 / sizes.latent, device=self.device)
        try:
            for rows in WARM_UP:
                for steps in (1, 2):
                    actions = torch.zeros(rows, steps, sizes.actions, device=self.device)
                    for guided in {0, rows // 2, rows}:
                        rollout(latent, actions, guided, [0])
        except Exception as error:  # noqa: B902 (whatever torch's compiler lacks here)
            raise WmRosError('backend: torch.compile does not work here ('
                             f'{" ".join(str(error).split())[:200]}); take another one of '
                             f'{", ".join(BACKENDS)}') from error
        return rollout

    @torch.inference_mode()
    def imagine(self, state, latent, actions, goal=None, guided: int = 0) -> LatentDream:
        """
        Roll ``actions`` [K, H, A] from one latent [D]; ``state`` and ``goal`` do not count.

        In the first ``guided`` futures they are added to the policy's.  Clipped to [-1, 1].
        """
        self._check(latent, actions)
        return self._rollout(latent, actions, guided, self._heads())

    def imagine_with_gradients(self, state, latent, actions, goal=None,
                               guided: int = 0) -> LatentDream:
        """Do as ``imagine``; gradients lead from what is dreamed back to ``actions``."""
        self._check(latent, actions)
        return self._eager(latent, actions, guided, self._heads())

    def _check(self, latent, actions):
        sizes = self.dynamics.sizes
        if latent.shape != (sizes.latent,):
            raise WmRosError(f'latent: got shape {list(latent.shape)}, expected [{sizes.latent}]')
        if actions.dim() != 3 or actions.shape[2] != sizes.actions:
            raise WmRosError(f'actions: got shape {list(actions.shape)}, expected [candidates, '
                             f'horizon, {sizes.actions}]')

    def _heads(self):
        """Return the value heads that are asked this time."""
        sizes = self.dynamics.sizes
        if sizes.averaged == sizes.values:
            return list(range(sizes.values))
        return torch.randperm(sizes.values, generator=self._rng)[:sizes.averaged].tolist()
