"""How far a model of sequences foresees: the same probe reads places out of any latent."""

from typing import Dict, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from wm_ros.data import Bank
from wm_ros.data.windows import WARM, window_batch
from wm_ros.learning.open_loop import MOVED
from wm_ros.tasks import TaskSpec
from wm_ros.world_model.networks import mlp
from wm_ros.world_model.sequence import SequenceModel
from wm_ros.world_model.state import StateLayout

_PER_STEP = 0.01            # [m] of the subject in a step of full motion, about
_HIDDEN, _UPDATES, _BATCH, _RATE = 128, 3000, 1024, 2e-3


class Foreseen(NamedTuple):
    """Features [1 + H, B, F] from a dream's first moment on, and the true places [1 + H, B, P]."""

    features: torch.Tensor
    places: torch.Tensor


class Probe(nn.Module):
    """Features [..., F] to places [..., P] in metres: a small network, the same for all."""

    def __init__(self, width: int, places: int):
        super().__init__()
        self.register_buffer('mean', torch.zeros(places))
        self.register_buffer('scale', torch.ones(places))
        self.net = nn.Sequential(nn.LayerNorm(width), mlp((width, _HIDDEN, _HIDDEN, places)))

    def forward(self, features):
        """Return the places."""
        return self.net(features) * self.scale + self.mean


@torch.no_grad()
def foresee(model: SequenceModel, columns, task: TaskSpec, steps: int, warm: int = WARM
            ) -> Foreseen:
    """
    Filter ``warm`` rows of windows [B, warm + H, ...], then dream of what was done next.

    ``columns`` are those of the model's streams, and ``states``.
    """
    device = next(model.parameters()).device
    batch = window_batch(columns, model.config.streams, device)
    state = model.follow(batch['numbers'][:warm], batch['actions'][:warm])
    features = torch.cat([model.dynamics.features(state)[None],
                          model.dynamics.dream(state, batch['actions'][warm:warm + steps])])
    places = places_of(columns['states'], task)[:, warm - 1:warm + steps]
    return Foreseen(features, torch.as_tensor(places, device=device).transpose(0, 1))


def places_of(states, task: TaskSpec):
    """Return the end effector's and the objects' positions [..., 3 (1 + M)] of states."""
    layout = StateLayout(len(task.object_names))
    where = [layout.ee, *(layout.object_position(i) for i in range(layout.objects))]
    return np.concatenate([states[..., part] for part in where], -1)


def fit_probe(model: SequenceModel, train: Bank, task: TaskSpec, steps: int, windows: int = 2000,
              seed: int = 0, updates: int = _UPDATES) -> Probe:
    """Return a probe taught on filtered and dreamed features of ``windows`` of training data."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(0, windows, 200):
        found.append(foresee(model, train.sample(rng, 200, WARM + steps), task, steps))
    features = torch.cat([part.features.flatten(0, 1) for part in found])
    places = torch.cat([part.places.flatten(0, 1) for part in found])
    torch.manual_seed(seed)
    probe = Probe(features.shape[-1], places.shape[-1]).to(features.device)
    probe.mean.copy_(places.mean(0))
    probe.scale.copy_(places.std(0).clamp(min=1e-3))
    optimiser = torch.optim.AdamW(probe.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, updates)
    for _ in range(updates):
        rows = torch.randint(len(features), (_BATCH,), device=features.device)
        loss = functional.smooth_l1_loss((probe(features[rows]) - places[rows]) / probe.scale,
                                         torch.zeros_like(places[rows]), beta=0.1)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return probe.eval()


@torch.no_grad()
def curve(model: SequenceModel, probe: Probe, held_out: Bank, task: TaskSpec, steps: int,
          windows: int = 1000, draws: int = 1, moved: float = MOVED) -> Dict[str, np.ndarray]:
    """
    Return mean errors [1 + H] in metres, 0 to H steps ahead, over windows of held-out data.

    ``end_effector`` and ``subject`` count the starts from which the subject has moved by
    ``moved`` by then, or by 1 cm a step where that is less; ``stays`` is the subject's error of
    'it stays where it is', ``count`` their number; NaN where there are none.  With several
    ``draws`` of a stochastic dynamics, places are their mean.
    """
    columns = held_out.sample(np.random.default_rng(1), windows, WARM + steps)
    where = slice(0, 3) if task.subject is None else slice(
        3 + 3 * task.subject, 6 + 3 * task.subject)
    torch.manual_seed(1)
    found, truth = 0.0, None
    for _ in range(draws):
        seen = foresee(model, columns, task, steps)
        found, truth = found + probe(seen.features) / draws, seen.places
    way = (truth - truth[:1])[..., where].norm(dim=-1)
    least = (_PER_STEP * torch.arange(steps + 1, device=way.device)).clamp(max=moved)
    counted = way >= least[:, None]
    counted[0] = counted[-1]        # nothing has moved at once: those that will

    def mean(errors):
        return ((errors * counted).sum(1) / counted.sum(1)).cpu().numpy()

    return {'end_effector': mean((found - truth)[..., :3].norm(dim=-1)),
            'subject': mean((found - truth)[..., where].norm(dim=-1)),
            'stays': mean(way), 'count': counted.sum(1).cpu().numpy()}
