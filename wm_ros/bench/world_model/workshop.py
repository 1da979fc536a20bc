"""
Recordings and models that the world model's figures are measured on, made where they lack.

They are made by the commands that a user has, in ``benchmarks/work`` of the working directory,
and stay there: a bench that was interrupted goes on, and so does a training.
"""

from pathlib import Path
import subprocess
import sys
from typing import Dict, NamedTuple, Tuple

from wm_ros.evaluation.branches import record_branches
from wm_ros.types import WmRosError

FOLDER = Path('benchmarks/work')
_RARE = '--events tumble=0.011 drop=0.008 appear=0.002 throw=0.002'
_ALL_RARE = '--events tumble=0.35 drop=0.35 appear=0.15 throw=0.15'
#: What is to be told from the usual, and the seed of its recordings.
OUTLIERS = {'heavy': 330_000, 'slippery': 340_000, 'throw': 350_000, 'appear': 360_000}
TWIN = '_twin'      # the same scenes and actions without what happened

#: Recordings by name: what ``wm_ros collect --task push`` is told.
RECORDINGS: Dict[str, str] = {
    'plain': '--episodes 1000 --frames 64 --plain',
    'plain_held': '--episodes 60 --seed 70000 --frames 64 --plain',
    'looks': f'--episodes 1000 --frames 64 --look-rows 1 {_RARE}',
    'looks_held': '--episodes 30 --seed 50000 --frames 64 --look-rows 1',
    'looks_test': '--episodes 120 --seed 55000 --frames 64 --look-rows 1',
    'rare_held': f'--episodes 120 --seed 60000 --frames 64 --look-rows 1 {_ALL_RARE}',
    'plain_test': '--episodes 100 --seed 110000 --frames 64 --plain',
    'usual': '--source script --episodes 100 --seed 370000 --frames 64 --plain',
    'calibration': '--source script --episodes 100 --seed 120000 --frames 64 --plain',
    **{kind: f'--source script --episodes 100 --seed {seed} --frames 64 --plain '
             f'--events {kind}=1' for kind, seed in OUTLIERS.items()},
    **{f'{kind}{TWIN}': f'--replay {kind} --frames 64 --plain' for kind in OUTLIERS},
    'large': f'--episodes 200 --frames 128 --look-rows 1 {_RARE}',
    'large_held': '--episodes 20 --seed 50000 --frames 128 --look-rows 1',
    'large_test': '--episodes 20 --seed 55000 --frames 128 --look-rows 1',
}


#: Recordings of scenes that branch: kind, episodes, seed.
BRANCHES: Dict[str, Tuple[str, int, int]] = {
    **{kind: (kind, 16_000, 0) for kind in ('topple', 'slide')},
    **{f'{kind}_held': (kind, 300, 1) for kind in ('topple', 'slide')},
}


class Recipe(NamedTuple):
    """How a part of a world model is trained: kind, names of recordings, settings KEY=VALUE."""

    model: str
    data: str
    held_out: str
    settings: Tuple[str, ...] = ()
    seed: int = 0
    task: str = 'push'


def _tokens(name):
    _, quantizer, whole, coarse, fine = name.split('_')
    colours, fovea = min(int(whole), 12), min(int(fine), 18)
    return Recipe('tokenizer', 'looks', 'looks_held', (
        f'colours={colours}', f'whole={int(whole) - colours}', f'coarse={coarse}',
        f'fovea={fovea}', f'fine={int(fine) - fovea}', f'quantizer={quantizer}',
        *_COMPARED, *(() if colours else _AS_LARGE)))


#: Updates, and the rest, of tokenizers that are compared with each other.
_COMPARED = ('updates=2000', 'precision=bfloat16', 'window_bits=11')
#: A flat tokenizer gets as many parameters (3.1 million), more bits, and thrice the work.
_AS_LARGE = ('width=160', 'bits=12')
#: Shares of 80 tokens: of the whole frame, of the coarse grid, of windows.
SPLITS = ((0, 80, 0), (16, 64, 0), (16, 52, 12), (16, 40, 24), (16, 28, 36), (16, 16, 48))
FLAT, HIERARCHICAL = SPLITS[0], SPLITS[4]


def split_name(split, quantizer: str) -> str:
    """Return the name of the tokenizer that shares its tokens out as ``split`` says."""
    return '_'.join(['tokens', quantizer, *map(str, split)])


#: Names of the tokenizers of ``SPLITS``; the flat one, which has no fine tokens, is FSQ's.
BY_SPLIT = {split: split_name(split, 'mixed' if split[2] else 'fsq') for split in SPLITS}
#: Tokenizers of both kinds, flat and hierarchical.
BY_KIND = tuple(split_name(split, quantizer) for quantizer in ('fsq', 'vq')
                for split in (FLAT, HIERARCHICAL))


def _branching(task, kind):
    # A dream's error teaches an RSSM the mean of what may happen: wrong where it draws each step.
    dream, read = (0, 500) if kind == 'rssm' else (24, 100)
    size = 240 if kind == 'simnorm' else 192        # 0.53 million parameters, 0.56 the RSSM
    return Recipe('sequence', task, f'{task}_held', (
        f'kind={kind}', f'size={size}', f'hidden={size}', 'updates=3000', 'window=29',
        f'dream={dream}', 'batch=64', 'doubt=0', 'validate=250', f'read={read}'), task=task)


#: Sizes that give each kind, with senses and reading, 0.69 to 0.78 million parameters.
SIZES = {'rssm': (192, 256), 'simnorm': (256, 320), 'flow-simnorm': (192, 256),
         'transformer': (128, 64)}


def _foreseeing(kind):
    size, hidden = SIZES[kind]
    return Recipe('sequence', 'plain', 'plain_held', (
        f'kind={kind}', f'size={size}', f'hidden={hidden}', 'updates=3000', 'window=32',
        'dream=24', 'batch=24', 'doubt=0'))


MODELS: Dict[str, Recipe] = {
    **{f'{task}_{kind}': _branching(task, kind) for task in ('topple', 'slide')
       for kind in ('simnorm', 'rssm', 'flow-simnorm')},
    **{f'horizon_{kind}': _foreseeing(kind) for kind in SIZES},
    **{name: _tokens(name) for name in (*BY_SPLIT.values(), *BY_KIND)},
    'tokens_large': Recipe('tokenizer', 'large', 'large_held', (
        'size=128', 'coarse=96', 'fovea=24', 'fine=48', 'updates=2000', 'precision=bfloat16')),
}


def recording(name: str) -> Path:
    """Return the folder of the recordings ``name``, made now where it lacks."""
    folder = FOLDER / 'data' / name
    mark, made = folder / 'whole', _told(name)
    if not mark.is_file() or mark.read_text(encoding='utf-8') != made:
        # Half a recording is of no use, and cannot be gone on with.
        for file in folder.glob('episode_*.safetensors'):
            file.unlink()
        if name in BRANCHES:
            record_branches(folder, *BRANCHES[name])
        else:
            words = RECORDINGS[name].split()
            if words[0] == '--replay':
                words[1] = str(recording(words[1]))
            run('collect', '--task', 'push', '--output', str(folder), *words)
        mark.write_text(made, encoding='utf-8')
    return folder


def _told(name):
    """Return what recordings are made of; replays are of what was recorded as well."""
    if name in BRANCHES:
        return ' '.join(map(str, BRANCHES[name]))
    words = RECORDINGS[name].split()
    return RECORDINGS[name] + (f' | {_told(words[1])}' if words[0] == '--replay' else '')


def training(name: str, output: str) -> Tuple[str, ...]:
    """Return the arguments of ``wm_ros`` that train the model ``name``."""
    recipe = MODELS[name]
    settings = [word for setting in recipe.settings for word in ('--set', setting)]
    return ('train', '--task', recipe.task, '--model', recipe.model,
            '--data', *(str(FOLDER / 'data' / data) for data in recipe.data.split()),
            '--held-out', str(FOLDER / 'data' / recipe.held_out),
            *settings, '--seed', str(recipe.seed), '--output', output)


def trained(name: str) -> str:
    """Return the path of the model ``name``, trained now, or to its end, where it lacks."""
    output = FOLDER / name
    state, done, recipe = (output.with_name(f'{name}.{ending}') for ending in (
        'resume.safetensors', 'done.json', 'recipe'))
    told = ' '.join(training(name, name))
    if not recipe.is_file() or recipe.read_text(encoding='utf-8') != told:
        # Made by another recipe, or by none: nothing of it is of use.
        for file in (state, done):
            file.unlink(missing_ok=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        recipe.write_text(told, encoding='utf-8')
    if not done.is_file():
        for data in (*MODELS[name].data.split(), MODELS[name].held_out):
            recording(data)
        run(*training(name, str(output)), '--json', str(done),
            *(['--resume'] if state.is_file() else []))
    return str(output)


def run(*arguments: str):
    """Run ``wm_ros`` with ``arguments``, as a user would; raises WmRosError where it fails."""
    done = subprocess.run([sys.executable, '-m', 'wm_ros', *arguments], check=False)
    if done.returncode:
        raise WmRosError(f'wm_ros {" ".join(arguments)}: exit code {done.returncode}')
