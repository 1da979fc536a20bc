"""What a run of training goes on from, in one file."""

import numpy as np
import torch
from wm_ros.learning import state_file
from wm_ros.types import WmRosError
from wm_ros.world_model.tdmpc2 import AgentConfig


def save(training):
    """Write all that ``training`` knows, its replay memory included."""
    trainer, replay = training.trainer, training.replay
    tensors = {**state_file.weights_of('agent', training.agent),
               **state_file.weights_of('targets', trainer.targets),
               **state_file.memory_of(trainer.optimiser)}
    for name, rows in replay.arrays.items():
        tensors[f'replay.{name}'] = torch.from_numpy(rows[:replay.filled])
    state_file.write_tensors(training.state_path, tensors, {
        'made': training.made(), 'config': training.agent.config.to_dict(),
        'training': training.numbers(), 'trainer': trainer.numbers(),
        'replay': replay.numbers()})


def load(training):
    """
    Give ``training`` all back, as it was at the end of its last section.

    Raises WmRosError where there is nothing, it is damaged, or of another run.
    """
    path = training.state_path
    with state_file.complaints(path):
        tensors, about = state_file.read_tensors(path)
        _same_run(path, about['made'], training.made())
        training.begin(AgentConfig(**about['config']))
        training.agent.load_state_dict(state_file.under(tensors, 'agent'))
        training.trainer.targets.load_state_dict(state_file.under(tensors, 'targets'))
        state_file.give_memory(training.trainer.optimiser,
                               state_file.under(tensors, 'optimiser'))
        for name, rows in state_file.under(tensors, 'replay').items():
            training.replay.arrays[name][:len(rows)] = np.asarray(rows)
        for part in (training, training.trainer, training.replay):
            vars(part).update({name: about[part.called][name] for name in part.numbers()})


def _same_run(path, theirs, ours):
    # Those of before arguments could be given have none.
    theirs, ours = ({'arguments': {}, **made, **made['settings']} for made in (theirs, ours))
    for name in ours:
        if name not in ('settings', 'steps') and theirs.get(name) != ours[name]:
            raise WmRosError(f'{path}: was trained with {name} {theirs.get(name)!r}, not '
                             f'{ours[name]!r}: a run goes on as it began')
    if ours['steps'] < theirs['steps']:
        raise WmRosError(f'{path}: was to be of {theirs["steps"]} steps, not {ours["steps"]}: '
                         'a run goes on as it began, or for longer')
