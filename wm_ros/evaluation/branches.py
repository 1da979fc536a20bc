"""Futures that branch: recordings of such scenes, and how well a model's draws match them."""

from pathlib import Path
from typing import Dict, List, NamedTuple

import numpy as np
from sim import branches
import torch
from wm_ros.data import write_episode
from wm_ros.types import Episode
from wm_ros.world_model.sequence import SequenceModel

_NEAR = 0.25        # of the distance between the ways: so near a true outcome, it is found
_FOUND = 0.05       # share of the draws that must have found a mode


class Truth(NamedTuple):
    """What comes of a scene: rows seen [SEEN + 1, W], ends [R, 3] m, and which way each went."""

    seen: np.ndarray
    ends: np.ndarray
    first: np.ndarray       # [R] bool


def record_branches(folder: Path, kind: str, episodes: int, seed: int):
    """Record one way that each of ``episodes`` random scenes of ``kind`` goes."""
    world, rng = branches.BranchWorld(), np.random.default_rng(seed)
    for number in range(episodes):
        rows, first = world.run(branches.draw(kind, rng), rng)
        write_episode(folder, number, Episode(
            task=kind, states=rows, goal=np.zeros(7), success=first, source='branches',
            actions=np.zeros((len(rows) - 1, 1), np.float32),
            rewards=np.zeros(len(rows) - 1, np.float32)))
    world.close()


def resimulate(kind: str, scenes: int, times: int, seed: int) -> List[Truth]:
    """Return what comes of ``scenes`` random scenes, each run so many ``times``."""
    world, rng = branches.BranchWorld(), np.random.default_rng(seed)
    found = []
    for _ in range(scenes):
        scene = branches.draw(kind, rng)
        runs = [world.run(scene, rng) for _ in range(times)]
        found.append(Truth(runs[0][0][:branches.SEEN + 1],
                           np.array([rows[-1, :3] for rows, _ in runs]),
                           np.array([first for _, first in runs])))
    world.close()
    return found


@torch.no_grad()
def draw_ends(model: SequenceModel, truths: List[Truth], draws: int, seed: int = 0
              ) -> np.ndarray:
    """Return where the model dreams that scenes end [S, draws, 3] m; its input is the rows."""
    torch.manual_seed(seed)
    device = next(model.parameters()).device
    ahead = branches.STEPS - branches.SEEN
    found = []
    for truth in truths:
        seen = torch.as_tensor(truth.seen, device=device)[:, None].expand(-1, draws, -1)
        still = seen.new_zeros(max(len(seen), ahead), draws, 1)
        state = model.follow(seen, still[:len(seen)])
        end = model.dynamics.dream(state, still[:ahead])[-1]
        found.append(model.seen(end)[:, :3].cpu().numpy())
    return np.array(found)


def branch_scores(truths: List[Truth], ends: np.ndarray) -> Dict[str, np.ndarray]:
    """
    Return, for each scene [S], how the draws ``ends`` [S, D, 3] match what really happens.

    ``energy`` [m] (Gneiting and Raftery 2007; less is better), ``both``: whether both ways
    were found, and ``frequency``: by how much the share of the first way is off.
    """
    scores = {'energy': [], 'both': [], 'frequency': []}
    for truth, drawn in zip(truths, ends):
        scores['energy'].append(energy_score(drawn, truth.ends))
        ways = [truth.ends[truth.first], truth.ends[~truth.first]]
        if min(map(len, ways)) == 0:
            raise ValueError('a scene went one way every time: run it more often')
        apart = np.linalg.norm(ways[0].mean(0) - ways[1].mean(0))
        near = np.array([_distances(drawn, way).min(1) for way in ways])
        scores['both'].append(((near < _NEAR * apart).mean(1) >= _FOUND).all())
        share = (near[0] < near[1]).mean()
        scores['frequency'].append(abs(share - truth.first.mean()))
    return {name: np.array(values) for name, values in scores.items()}


def energy_score(drawn: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean over ``truth`` [R, N] of E|X - y| - E|X - X'| / 2 of draws [D, N]."""
    return float(_distances(drawn, truth).mean() - 0.5 * _distances(drawn, drawn).mean())


def _distances(a, b):
    return np.linalg.norm(a[:, None] - b[None], axis=-1)
