"""Actions as the arm answered them: where it is late, those of a moment before."""

import numpy as np
from wm_ros.types import Episode

#: Stream of an episode that says by how many steps the arm answers late.
LATE = 'late'


def answered(episode: Episode):
    """
    Return actions and script's actions [T, A] that led from each row of states to the next one.

    States hold the setpoint that the arm answers (``world_model.response``), so that these go
    with them.  Between steps the share of each counts; before the first one nothing was done.
    The script's are None where it was not asked.
    """
    late = episode.streams.get(LATE)
    if late is None or not np.any(late):
        return episode.actions, episode.expert
    places = np.arange(len(episode.actions)) - late[:-1]
    return _at(episode.actions, places), (
        None if episode.expert is None else _at(episode.expert, places))


def _at(actions, places):
    idle = np.zeros_like(actions[:1])
    padded, places = np.concatenate([idle, actions]), np.maximum(places + 1.0, 0.0)
    whole = np.floor(places).astype(int)
    share = (places - whole)[:, None].astype(actions.dtype)
    after = np.minimum(whole + 1, len(actions))
    return (1.0 - share) * padded[whole] + share * padded[after]
