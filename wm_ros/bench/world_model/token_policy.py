"""
What a policy makes of tokens alone: cloned from demonstrations, never told where anything is.

The comparison for eyes that the simulator's truth has taught.  Tokens are a set of vectors
with places; each looks at all others (attention), their mean goes with joints and goal to the
action.
"""

from typing import NamedTuple

import numpy as np
from sim.engines import make_scene
from sim.sensors.camera import Camera
from sim.stepper import Stepper
import torch
from torch import nn
from torch.nn import functional
from wm_ros.data import Bank
from wm_ros.data.windows import frames_of
from wm_ros.learning.tokenizer import LEVELS
from wm_ros.robot.robot import load_robot
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.tokens import FrameTokenizer, FrameTokens

_WIDTH, _HEADS, _LAYERS = 96, 4, 2
_UPDATES, _BATCH, _RATE = 6000, 128, 1e-3
_JOINTS = 15
#: Columns of recordings that cloning needs.
COLUMNS = ('frames', 'joints', 'goal', 'expert', 'success')


class TokenPolicy(nn.Module):
    """Tokens of B frames, joints [B, 15] and goal [B, 3] to actions [B, A] in [-1, 1]."""

    def __init__(self, tokenizer: FrameTokenizer, actions: int = 5):
        super().__init__()
        self.config = config = tokenizer.config
        self.counts = {level: getattr(config, level) for level in LEVELS if
                       getattr(config, level)}
        self.code = nn.ModuleDict({level: nn.Embedding(tokenizer.codes(level), _WIDTH)
                                   for level in self.counts})
        self.place = nn.ParameterDict({
            level: nn.Parameter(0.02 * torch.randn(count, _WIDTH))
            for level, count in self.counts.items()})
        self.where = nn.Embedding(config.places, _WIDTH)    # of windows
        self.layers = nn.TransformerEncoder(nn.TransformerEncoderLayer(
            _WIDTH, _HEADS, 2 * _WIDTH, 0.0, batch_first=True, norm_first=True), _LAYERS,
            enable_nested_tensor=False)
        self.act = mlp((_WIDTH + _JOINTS + 3, 256, 256, actions))

    def forward(self, tokens: FrameTokens, joints, goal):
        """Return the actions."""
        parts = {level: self.code[level](getattr(tokens, level)) + self.place[level]
                 for level in self.counts}
        for level, places in self.config.by_level(tokens.places).items():
            each = self.counts[level] // places.shape[1]
            parts[level] = parts[level] + self.where(places).repeat_interleave(each, 1)
        seen = self.layers(torch.cat(list(parts.values()), 1)).mean(1)
        return torch.tanh(self.act(torch.cat([seen, joints, goal], -1)))


class _Data(NamedTuple):
    tokens: FrameTokens
    joints: torch.Tensor
    goal: torch.Tensor
    action: torch.Tensor


def clone(tokenizer: FrameTokenizer, bank: Bank, rows: int = 40_000, seed: int = 0
          ) -> TokenPolicy:
    """Return a policy that was taught the actions of successful recordings of ``bank``."""
    torch.manual_seed(seed)
    data, rng = _data(tokenizer, bank, rows, seed), np.random.default_rng(seed)
    policy = TokenPolicy(tokenizer)
    optimiser = torch.optim.AdamW(policy.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _UPDATES)
    for _ in range(_UPDATES):
        chosen = torch.as_tensor(rng.integers(len(data.action), size=_BATCH))
        tokens = FrameTokens(*(part[chosen] for part in data.tokens))
        made = policy(tokens, data.joints[chosen], data.goal[chosen])
        loss = functional.mse_loss(made, data.action[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return policy.eval()


def _data(tokenizer, bank, rows, seed):
    rng, found = np.random.default_rng((seed, 1)), []
    for _ in range(0, rows, 500):
        columns = bank.sample(rng, 500, 2)      # the last row of an episode has no action
        frames = frames_of(columns['frames'][:, 0])
        good = torch.as_tensor(columns['success'][:, 0] > 0)
        tokens = tokenizer.encode(frames)
        found.append(_Data(FrameTokens(*(part[good] for part in tokens)), *(
            torch.as_tensor(columns[name][:, 0], dtype=torch.float32)[good][..., :width]
            for name, width in (('joints', _JOINTS), ('goal', 3), ('expert', 5)))))
    return _Data(FrameTokens(*(torch.cat(parts) for parts in zip(*(d.tokens for d in found)))),
                 *(torch.cat(parts) for parts in list(zip(*found))[1:]))


def success_of(policy: TokenPolicy, tokenizer: FrameTokenizer, task: str, episodes: int,
               seed: int = 0) -> float:
    """Return the share of episodes that succeed with ``policy``, at 20 actions a second."""
    robot = load_robot('panda')
    stepper = Stepper(make_scene('pybullet', robot, task))
    camera, successes = Camera(robot, stepper.scene.task.boxes, 64, 64), 0
    for number in range(episodes):
        seen = stepper.reset(seed + number)
        while not stepper.scene.done:
            frame = camera.render(seen.joint_positions, seen.gripper_width, seen.object_poses)
            seen = stepper.step(_act(policy, tokenizer, frame.rgb, seen, stepper.scene.goal))
        successes += stepper.scene.success
    camera.close()
    stepper.scene.close()
    return successes / episodes


@torch.no_grad()
def _act(policy, tokenizer, image, seen, goal):
    frame = frames_of(image[None].copy())
    given = (torch.as_tensor(part[None], dtype=torch.float32) for part in (seen.joints, goal[:3]))
    return policy(tokenizer.encode(frame), *given)[0].numpy().astype(float)
