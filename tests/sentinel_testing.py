"""What the tests of sentinels share: small untrained models of the senses of reach."""

import numpy as np
import torch
from wm_ros.world_model.alarm import Alarm, SHARES
from wm_ros.world_model.sentinel import save_usual
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel
from wm_ros.world_model.weights import write_weights

STREAMS = {'states': 15, 'wrench': 6}


def make_sequence_model(streams=None, seed=0, **changes):
    torch.manual_seed(seed)
    return SequenceModel(SequenceConfig(streams=streams or STREAMS, size=16, hidden=16,
                                        kind='simnorm', **changes)).eval()


def flat_alarm(parts=(('robot', 15), ('wrench', 6)), scale=1.0):
    """Return the alarm of parts of which one number is off by x: (x / scale) squared."""
    rises = -np.log10(SHARES)[:, None]
    return Alarm({name: scale / rises[-1] * rises.repeat(width, 1) for name, width in parts},
                 {name: rises[-1] * rises for name, _ in parts})


def write_sentinel(path):
    """Write a sentinel of reach, to which nothing is usual; return its name."""
    model = make_sequence_model()
    write_weights(path, model, {'kind': 'sequence_model', 'config': model.config.to_dict()})
    save_usual(str(path), flat_alarm(), {})
    return str(path)
