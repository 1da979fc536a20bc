"""The learned dynamics as constraints: its steps and their exact derivatives."""

import numpy as np
import torch
from wm_ros.world_model.agent.dynamics import Dynamics


class Transition:
    """
    Steps of ``dynamics`` from H stages at once, with derivatives by autograd.

    What a stage knows beside its setpoints [8] is its inside [S]: end effector (6), objects
    (8 each), latent.  What comes out is the next inside, and the disagreement.
    """

    def __init__(self, dynamics: Dynamics):
        self._dynamics, self.layout = dynamics, dynamics.layout
        self._objects = self.layout.width - 15
        self.inside = 6 + self._objects + dynamics.config.latent

    def take(self, states, latents):
        """Return the insides [..., S] of states [..., X] and latents [..., D], as arrays."""
        return np.concatenate([states[..., :6], states[..., 15:], latents], -1).astype(float)

    def give(self, inside, setpoints, gripper):
        """Return states [H, X, ...] and latents [H, D, ...] of insides [H, S, ...]; see take."""
        width, objects = np.full_like(inside[:, :1], gripper), 6 + self._objects
        return (np.concatenate([inside[:, :6], setpoints, width, inside[:, 6:objects]], 1),
                inside[:, objects:])

    def __call__(self, inside, setpoints, gripper):
        """
        Return what comes of each stage [H, S + 1] and its derivatives [H, S + 1, S + 16].

        ``inside`` [H, S], ``setpoints`` [H + 1, 8]: those of the stages, and the last one's next.
        By inside, by the stage's own setpoint, by the next one.
        """
        given = np.concatenate([inside, setpoints[:-1], setpoints[1:]], -1)
        outputs, like = self.inside + 1, self._dynamics.scale
        rows = torch.as_tensor(given, dtype=torch.float32, device=like.device)
        rows = rows.repeat_interleave(outputs, 0).requires_grad_(True)
        with torch.enable_grad():
            found = self._step(rows, gripper).unflatten(0, (len(inside), outputs))
            # A copy of the stage for each output, so that one pass back gives all derivatives.
            (slopes,) = torch.autograd.grad(found.diagonal(dim1=1, dim2=2).sum(), rows)
        return (found[:, 0].detach().cpu().numpy().astype(float),
                slopes.unflatten(0, (len(inside), outputs)).cpu().numpy().astype(float))

    def _step(self, rows, gripper):
        inside, before, after = rows.split([self.inside, 8, 8], -1)
        ee, objects, latent = inside.split(
            [6, self._objects, self.inside - 6 - self._objects], -1)
        state = torch.cat([ee, before, torch.full_like(rows[:, :1], gripper), objects], -1)
        state, latent, spread = self._dynamics.led(state, latent, after)
        return torch.cat([state[:, :6], state[:, 15:], latent, spread[:, None]], -1)
