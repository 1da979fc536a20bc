"""Figures of futures that branch: draws of a flow against one guess, judged by resimulation."""

import numpy as np
import torch
from wm_ros.bench.record import at_least, at_most, shown
from wm_ros.bench.world_model.workshop import trained
from wm_ros.evaluation.branches import branch_scores, draw_ends, resimulate
from wm_ros.world_model.load import load_part

_SCENES, _TIMES, _DRAWS = 100, 200, 200     # scenes of each kind, resimulations and draws of each
_SEED = 77
_OURS, _GUESS, _OTHER = 'flow-simnorm', 'simnorm', 'rssm'


def branches():
    """Return how often both ways are found, how often each is drawn, and the energy score."""
    torch.set_num_threads(1)
    command = 'wm_ros bench world_model --only branches'
    found = {kind: [] for kind in (_OURS, _GUESS, _OTHER)}
    for task in ('topple', 'slide'):
        truths = resimulate(task, _SCENES, _TIMES, _SEED)
        for kind, scores in found.items():
            model = load_part(trained(f'{task}_{kind}'), 'sequence_model')
            scores.append(branch_scores(truths, draw_ends(model, truths, _DRAWS)))
    note = (f'{2 * _SCENES} scenes, {_TIMES} resimulations and {_DRAWS} draws of each; '
            'topple {}, slide {}')

    def both_kinds(kind, name, of=np.mean):
        parts = [of(scores[name]) for scores in found[kind]]
        together = of(np.concatenate([scores[name] for scores in found[kind]]))
        return float(together), note.format(*(f'{part:.4g}' for part in parts))

    both, share = both_kinds(_OURS, 'both')
    off, offs = both_kinds(_OURS, 'frequency')
    ours, theirs = (both_kinds(kind, 'energy') for kind in (_OURS, _GUESS))
    rows = [
        at_least('branches_both_found', both, 0.95, 'share', command, share),
        at_most('branches_frequency_off', off, 0.10, 'share', command, f'mean; {offs}'),
        shown('branches_frequency_off_p90', both_kinds(
            _OURS, 'frequency', lambda x: np.quantile(x, 0.9))[0], 'share', command),
        at_most('branches_energy_ratio', ours[0] / theirs[0], 1.0, 'ratio', command,
                f'flow over deterministic; {ours[0]:.4f} m against {theirs[0]:.4f} m'),
        at_most(f'branches_energy_over_{_OTHER}', ours[0] / both_kinds(_OTHER, 'energy')[0], 1.0,
                'ratio', command, 'flow over an RSSM, which draws at each step'),
        shown('branches_energy/flow', ours[0], 'm', command, ours[1]),
        shown('branches_energy/deterministic', theirs[0], 'm', command, theirs[1])]
    for name in ('energy', 'both', 'frequency'):
        value, words = both_kinds(_OTHER, name)
        rows.append(shown(f'branches_{name}/{_OTHER}', value, 'm' if name == 'energy' else 'share',
                          command, words))
    return rows
