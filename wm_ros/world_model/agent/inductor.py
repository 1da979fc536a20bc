"""The dynamics by torch.compile: fused kernels, replayed as CUDA graphs on a GPU."""

import torch
from wm_ros.world_model.agent.rollout import Rollout

_WARM_UP = (1, 64)          # candidates: one is a case of its own to the compiler


class InductorDynamics:
    """
    ``dynamics`` whose steps and prior are compiled, for any number of candidates and steps.

    A dream's loop stays in Python, so that another horizon compiles nothing anew.  Compiling takes
    about a minute, of which the warm-up takes all.
    """

    def __init__(self, dynamics):
        self._cuda = dynamics.scale.device.type == 'cuda'
        mode = 'reduce-overhead' if self._cuda else 'default'
        self._step, self._policy = (torch.compile(method, dynamic=True, mode=mode)
                                    for method in (dynamics.step, dynamics.policy))
        self.values, self.encode = dynamics.values, dynamics.encode
        self.partial_step = dynamics.partial_step

    def step(self, state, latent, action):
        """Do as ``Dynamics.step``."""
        return tuple(self._kept(part) for part in self._step(*_plain(state, latent, action)))

    def policy(self, state, latent, goal):
        """Do as ``Dynamics.policy``."""
        return self._kept(self._policy(*_plain(state, latent, goal)))

    def _kept(self, tensor):
        # The next replay of a graph writes into the same memory.
        return tensor.clone() if self._cuda else tensor

    def warm_up(self, futures):
        """Compile for all that is to come; ``futures(rows)`` are what a rollout takes."""
        rollout = self.rollout()
        for rows in _WARM_UP:
            for guided in {0, rows // 2, rows}:
                rollout(*futures(rows), guided)

    def rollout(self) -> Rollout:
        """Return the loop over steps."""
        return Rollout(self)


def _plain(*tensors):
    """Return copies in rows, made here: views, and tensors of elsewhere, are other code."""
    return [tensor.clone(memory_format=torch.contiguous_format) for tensor in tensors]
