"""Parts of world models back from their checkpoints, by what their JSON says they are."""

import torch
from torch import nn
from wm_ros import paths
from wm_ros.types import CheckpointError
from wm_ros.world_model.agent.actor import Actor, ActorConfig
from wm_ros.world_model.eyes import Eyes, EyesConfig
from wm_ros.world_model.sequence import SequenceConfig, SequenceModel
from wm_ros.world_model.tokens import FrameConfig, FrameTokenizer
from wm_ros.world_model.watch import FrameDecoder, WatchConfig
from wm_ros.world_model.weights import (
    check_device, check_weights, read_meta, read_weights, shown)

#: Configuration and module of each kind.
KINDS = {'frame_tokenizer': (FrameConfig, FrameTokenizer), 'eyes': (EyesConfig, Eyes),
         'sequence_model': (SequenceConfig, SequenceModel),
         'frame_decoder': (WatchConfig, FrameDecoder), 'actor': (ActorConfig, Actor)}


def hash_of(reference: str) -> str:
    """Return the SHA-256 of the weights that ``reference`` means, as its JSON says it."""
    return read_meta(_json(reference), {})['weights_sha256']


def _json(reference):
    return paths.find_weights(reference).with_suffix('.json')


def load_decoder(reference: str, model: str, device: str = 'cpu') -> FrameDecoder:
    """
    Return the frame decoder ``reference`` for the latents of the model of sequences ``model``.

    Raises CheckpointError as ``load_part`` does, and where the decoder was trained on the
    latents of other weights: it would draw nonsense.
    """
    decoder = load_part(reference, 'frame_decoder', device)
    meta = read_meta(_json(reference), {'model_sha256': str})
    if meta['model_sha256'] != hash_of(model):
        raise CheckpointError(
            f'checkpoint {paths.find_weights(reference)}: draws the latents of other weights '
            f'than {model} has; train it anew: wm_ros train --model decoder --set model={model}')
    return decoder


def load_part(reference: str, kind: str, device: str = 'cpu') -> nn.Module:
    """
    Return the part of ``kind`` in the checkpoint ``reference``, a path or a shipped one's name.

    Raises CheckpointError, in one line, for files that are missing, damaged or of another kind,
    and ParameterError for a device that is not there.
    """
    check_device(device)
    path = paths.find_weights(reference)
    meta = read_meta(path.with_suffix('.json'), {'kind': str})
    if meta['kind'] != kind:
        raise CheckpointError(f'checkpoint {path}: is a {shown(meta["kind"])}, expected {kind!r}')
    weights, _ = read_weights(path, meta)
    config, module = _classes(kind)
    try:
        config = config(**meta['config'])
        with torch.device('meta'):      # shapes without memory: the sizes may be absurd
            expected = module(config).state_dict()
        check_weights(path, weights, expected)
        made = module(config)
        made.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f'checkpoint {path}: does not fit its configuration '
                              f'({shown(error, str)})') from error
    return made.to(device).eval().requires_grad_(False)


def _classes(kind):
    if kind == 'latent_agent':
        # Late: what plans with it needs numba, all others do without.
        from wm_ros.world_model.tdmpc2 import AgentConfig, LatentAgent
        return AgentConfig, LatentAgent
    return KINDS[kind]
