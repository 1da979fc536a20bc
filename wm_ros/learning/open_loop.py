"""Open-loop prediction: how far off is a dream after h steps of recorded actions."""

from typing import Sequence

import torch
from wm_ros.learning.losses import filter_replay
from wm_ros.learning.replay import Replay
from wm_ros.types import Episode
from wm_ros.world_model import WorldModel

MOVED = 0.05        # [m], only where the subject moves at least so far is there much to predict


def open_loop(model: WorldModel, episodes: Sequence[Episode], horizons=(5, 10),
              moved: float = MOVED) -> dict:
    """
    Return {h: {'error', 'stays', 'end_effector', 'disagreement', 'count'}}, in metres.

    For every start in ``episodes`` from which the subject moves by ``moved`` within h
    steps: mean distance of the imagined subject from the recorded one, beside that of
    'it stays where it is'; the end effector's error over the same starts; the ensemble's
    disagreement, mean over the h steps.
    """
    replay = Replay()
    for episode in episodes:
        replay.add(episode)
    states = torch.as_tensor(replay.arrays['state'], device=model.device)
    actions = torch.as_tensor(replay.arrays['action'], device=model.device)
    felt = torch.as_tensor(replay.arrays['felt'], device=model.device)
    predicted = filter_replay(model.dynamics, states, actions, felt, replay)
    subject = model.layout.subject(model.task)
    return {h: _at(model, replay, states, actions, predicted, subject, h, moved)
            for h in horizons}


@torch.inference_mode()
def _at(model, replay, states, actions, predicted, subject, horizon, moved):
    rows = torch.as_tensor(replay.starts(horizon), device=states.device)
    way = (states[rows + horizon] - states[rows])[:, subject].norm(dim=-1)
    rows = rows[way >= moved]
    if not len(rows):
        return {'error': float('nan'), 'stays': float('nan'), 'end_effector': float('nan'),
                'disagreement': float('nan'), 'count': 0}
    state = states[rows]
    latent = model.dynamics.encode(state, predicted[rows])
    doubt = 0.0
    for t in range(horizon):
        state, latent, disagreement = model.dynamics.step(state, latent, actions[rows + t])
        doubt = doubt + disagreement
    truth = states[rows + horizon]
    ee = model.layout.ee
    return {
        'error': float((state - truth)[:, subject].norm(dim=-1).mean()),
        'stays': float((states[rows] - truth)[:, subject].norm(dim=-1).mean()),
        'end_effector': float((state - truth)[:, ee].norm(dim=-1).mean()),
        'disagreement': float(doubt.mean()) / horizon, 'count': int(len(rows))}
