"""Windows of recordings as tensors with time first, as models of sequences take them."""

from typing import Dict, Tuple

import numpy as np
import torch
from wm_ros.data.bank import Bank
from wm_ros.types import WmRosError

#: Columns of recordings, beside streams, that ``window_batch`` needs.
COLUMNS = ('actions', 'rewards', 'goal', 'success', 'ended')
#: Observations that are filtered before a dream begins.
WARM = 8


def columns_for(streams, *more: str) -> Tuple[str, ...]:
    """Return the columns of a Bank that windows of ``streams`` need, and ``more``, each once."""
    return tuple(dict.fromkeys((*streams, *COLUMNS, *more)))


def frames_of(frames, device='cpu') -> torch.Tensor:
    """
    Return frames [..., 3, S, S] in [0, 1] of recorded ones [..., S, S, 3] uint8.

    Permuted, not copied: channels stay side by side, as convolutions like them.
    """
    return torch.as_tensor(frames, device=device).movedim(-1, -3).float() / 255.0


def check_size(size: int, *banks: Bank):
    """Raise WmRosError unless frames of all ``banks`` are ``size`` pixels a side."""
    for bank in banks:
        found = bank.shapes['frames'][0]
        if found != size:
            raise WmRosError(f'frames: got {found} pixels a side, expected {size}')


def window_batch(columns, streams, device='cpu') -> Dict[str, torch.Tensor]:
    """
    Return numbers [T, B, K], actions [T, B, A] and rewards [T, B] before them, and labels.

    Labels: chosen [T, B, A] the actions after them, success and ended [T, B]; goal [B, 7].
    ``columns`` are windows [B, T, ...] of a Bank, whose row t holds what was done after t.
    """
    numbers = np.concatenate([columns[name].reshape(*columns[name].shape[:2], -1)
                              for name in streams], -1)
    actions, rewards = columns['actions'], columns['rewards']
    before = np.concatenate([np.zeros_like(actions[:, :1]), actions[:, :-1]], 1)
    gained = np.concatenate([np.zeros_like(rewards[:, :1]), rewards[:, :-1]], 1)
    made = {'numbers': numbers, 'actions': before, 'rewards': gained, 'chosen': actions,
            'success': columns['success'], 'ended': columns['ended']}
    made = {name: torch.as_tensor(np.ascontiguousarray(value.swapaxes(0, 1)),
                                  dtype=torch.float32, device=device)
            for name, value in made.items()}
    made['goal'] = torch.as_tensor(columns['goal'][:, 0], dtype=torch.float32, device=device)
    return made
