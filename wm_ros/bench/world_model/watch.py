"""Figures of dreams that are watched: how like what came the dreamed frames are."""

from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import torch
from wm_ros.bench.record import shown
from wm_ros.bench.world_model.doubt import DECODER, MODEL
from wm_ros.bench.world_model.workshop import recording
from wm_ros.data import Bank
from wm_ros.data.windows import columns_for
from wm_ros.data.windows import WARM
from wm_ros.evaluation import strip
from wm_ros.world_model.load import load_decoder, load_part

_STEPS, _EPISODES = 25, 30
_PICTURE = Path('docs/media/dream.png')


def watch():
    """Return the PSNR of dreamed frames over the steps, and draw the README's strip."""
    torch.set_num_threads(1)
    model, decoder = load_part(MODEL, 'sequence_model'), load_decoder(DECODER, MODEL)
    bank = Bank(recording('usual'), 'push', print,
                columns_for(model.config.streams, 'frames', 'states'))
    long = [i for i in range(bank.episodes)
            if len(bank.episode(i)['states']) > WARM + _STEPS][:_EPISODES]
    films = [strip.film(model, decoder, bank, i, _STEPS) for i in long]
    like = np.mean([strip.likeness(film) for film in films], 0)
    stays = np.mean([strip.likeness(film._replace(
        dreamed=film.observed[:1].expand_as(film.observed))) for film in films], 0)
    best = strip.film(model, decoder, bank, strip.busiest(bank, _STEPS), _STEPS)
    _PICTURE.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(_PICTURE, strip.strip(best, np.linspace(0, _STEPS, 6).astype(int)))
    note = f'{len(films)} held-out episodes; the first frame, if it stayed: '
    return [shown(f'watch_psnr/{t}', like[t], 'dB', 'wm_ros bench world_model --only watch',
                  f'{note}{min(stays[t], 99):.1f} dB') for t in (0, 5, 10, 25)]
