"""The pages name every setting of ``wm_ros train --set``, with its default."""

from dataclasses import fields
from pathlib import Path
import re

import pytest
from wm_ros.learning.configured import TOLD
from wm_ros.learning.eyes import EyesTraining
from wm_ros.learning.latent.settings import EnvSettings
from wm_ros.learning.loop import LoopConfig
from wm_ros.learning.sequence import SequenceTraining
from wm_ros.learning.tokenizer import TokenizerTraining
from wm_ros.learning.watch import WatchTraining
from wm_ros.world_model.eyes import EyesConfig
from wm_ros.world_model.sequence import SequenceConfig
from wm_ros.world_model.tokens import FrameConfig
from wm_ros.world_model.watch import WatchConfig

DOCS = Path(__file__).parents[1] / 'docs'
PAGES = [DOCS / 'training.md', DOCS / 'gymnasium.md']
KINDS = {'all parts': (LoopConfig,), '`--model tokenizer`': (FrameConfig, TokenizerTraining),
         '`--model sequence`': (SequenceConfig, SequenceTraining),
         '`--model eyes`': (EyesConfig, EyesTraining),
         '`--model decoder`': (WatchConfig, WatchTraining), '`--env`': (EnvSettings,)}


@pytest.mark.parametrize('title', KINDS)
def test_a_page_has_each_setting_and_its_default(title):
    text = '\n\n'.join(page.read_text(encoding='utf-8') for page in PAGES)
    table = text[text.index(f'| {title} |'):].split('\n\n')[0]
    said = dict(re.findall(r'^\| `(\w+)` \| ([^|]*) \|', table, re.M))
    known = {field.name: field.default for kind in KINDS[title] for field in fields(kind)
             if field.name not in TOLD}
    assert set(said) == set(known)
    for name, default in known.items():
        if isinstance(default, (int, float, str)):      # updates have none of their own
            assert said[name].split(' ')[0] == (str(default) or 'none'), name
