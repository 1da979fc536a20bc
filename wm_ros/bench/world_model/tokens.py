"""Figures of the frame tokenizers: fidelity, codes in use, and what becomes of rare events."""

import numpy as np
import torch
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.world_model.workshop import (
    BY_KIND, BY_SPLIT, FLAT, HIERARCHICAL, recording, split_name, trained)
from wm_ros.data import Bank
from wm_ros.evaluation.pictures import error_inside
from wm_ros.learning.tokenizer import batch_of, COLUMNS, LEVELS, measure
from wm_ros.world_model.load import load_part

SHIPPED = 'panda_push_tokens'
_FRAMES = 12_000            # held-out frames that a tokenizer is judged on


def held_out(name, rare=False):
    """Return a batch of held-out frames of the recordings ``name``: the rare ones, or all."""
    bank = Bank(recording(name), 'push', print, (*COLUMNS, 'rare'))
    columns = bank.every(bank.rows if rare else _FRAMES)
    if rare:
        chosen = np.flatnonzero(columns['rare'][:, 0])
        columns = {key: column[chosen] for key, column in columns.items()}
    return batch_of(columns)


def fidelity():
    """Return what the shipped tokenizer keeps of frames that it never saw, beside others."""
    torch.set_num_threads(1)
    command = 'wm_ros bench world_model --only fidelity'
    tokenizer = load_part(SHIPPED, 'frame_tokenizer')
    config, figures = tokenizer.config, measure(tokenizer, held_out('looks_test'))
    used = {level: figures[f'used_{level}'] for level in LEVELS}
    note = (f'{SHIPPED}, {_FRAMES} held-out frames; background, light and camera differ in each '
            'episode')
    rows = [
        at_most('tokens_per_frame', config.tokens, 80, 'tokens', command,
                f'{config.colours} colours, {config.whole} other global, {config.coarse} coarse, '
                f'{config.fovea} of the fovea, {config.fine} of {config.glimpses} glimpses'),
        at_least('tokens_ssim', figures['ssim'], 0.95, '', command, note),
        at_least('tokens_psnr', figures['psnr'], 28.0, 'dB', command, note),
        at_least('tokens_psnr_objects', figures['psnr_objects'], 22.0, 'dB', command,
                 'of the mean error inside boxes of objects'),
        at_least('tokens_compression', config.compression, 100.0, 'times', command,
                 f'{config.frame_bits:.0f} bits a frame, places of windows counted'),
        at_least('tokens_codes_used', min(used.values()), 0.9, 'share', command,
                 'least of ' + ', '.join(f'{name} {share:.3f}' for name, share in used.items()))]
    for name in (*BY_KIND, 'tokens_large'):
        rows += _compared(name, 'large_test' if name == 'tokens_large' else 'looks_test')
    return rows


def _compared(name, recordings):
    """Return the rows of a tokenizer that was trained to be compared with others."""
    command = 'wm_ros bench world_model --only fidelity'
    tokenizer = load_part(trained(name), 'frame_tokenizer')
    figures = measure(tokenizer, held_out(recordings))
    used = min(figures[f'used_{level}'] for level in LEVELS if f'used_{level}' in figures)
    config = tokenizer.config
    note = (f'{config.tokens} tokens, {config.frame_bits:.0f} bits; SSIM {figures["ssim"]:.3f}, '
            f'objects {figures["psnr_objects"]:.1f} dB, codes in use {used:.2f}')
    return [shown(f'tokens_psnr/{name[len("tokens_"):]}', figures['psnr'], 'dB', command, note)]


def rare():
    """Return the error inside boxes of what is rare, hierarchical against flat, over splits."""
    torch.set_num_threads(1)
    command = 'wm_ros bench world_model --only rare'
    share = float(Bank(recording('looks'), 'push', print, ('rare',)).column('rare').mean())
    seldom, usual = held_out('rare_held', rare=True), held_out('looks_test')
    found = {split: _kept(name, seldom, usual) for split, name in BY_SPLIT.items()}
    # Against the better of both kinds of flat ones.
    found[FLAT] = min(found[FLAT], _kept(split_name(FLAT, 'vq'), seldom, usual))
    flat, ours = found[FLAT], found[HIERARCHICAL]
    rows = [
        at_most('rare_share_of_training', share, 0.01, 'share', command),
        at_least('rare_error_less', 1.0 - ours[0] / flat[0], 0.2, 'share', command,
                 f'mean squared error inside boxes of objects: {ours[0]:.5f} ({ours[3]}) against '
                 f'{flat[0]:.5f} of the flat one ({flat[3]}), {len(seldom["frames"])} frames'),
        at_most('rare_usual_error_ratio', ours[1] / flat[1], 1.0, 'ratio', command,
                'inside boxes of objects of usual frames'),
        at_least('rare_usual_psnr_gain', ours[2] - flat[2], 0.0, 'dB', command,
                 f'whole usual frames: {ours[2]:.2f} against {flat[2]:.2f} dB')]
    for split, (seldom_error, usual_error, psnr, words) in found.items():
        name = '/'.join(map(str, split))
        rows.append(shown(f'rare_error/{name}', seldom_error, '', command,
                          f'global, coarse, of windows; usual {usual_error:.5f}, '
                          f'{psnr:.2f} dB; {words}'))
    return rows


def _kept(name, seldom, usual):
    """Return errors inside boxes of rare and of usual frames, PSNR, and what it is made of."""
    tokenizer = load_part(trained(name), 'frame_tokenizer')
    size = sum(part.numel() for part in tokenizer.parameters()) / 1e6
    return (inside_error(tokenizer, seldom), inside_error(tokenizer, usual),
            measure(tokenizer, usual)['psnr'],
            f'{tokenizer.config.quantizer}, {tokenizer.config.frame_bits:.0f} bits, '
            f'{size:.1f} million parameters')


@torch.no_grad()
def inside_error(tokenizer, batch, chunk=100):
    """Return the mean squared error inside objects' boxes, over frames that have one."""
    errors = []
    for start in range(0, len(batch['frames']), chunk):
        frames, boxes = (batch[name][start:start + chunk] for name in ('frames', 'boxes'))
        errors.append(error_inside(tokenizer.decode(tokenizer.encode(frames)), frames, boxes))
    errors = torch.cat(errors)
    return float(errors[errors.isfinite()].mean())
