"""How high things are, which no pose says: told by how high their centres are where they stand."""

import numpy as np

_BESIDE = 0.03          # [m] between the centres of two things, one of which stands on the other
_NEAR = 0.08            # [m] from the tool, within which a thing may be held
_TIME = 0.2             # [s], low pass of what is measured
_LEAST, _MOST = 0.005, 0.06     # [m], half the height of anything that a gripper handles


def half_heights(places, tool, before=None, elapsed: float = 0.0) -> np.ndarray:
    """
    Return half the height [M] m of things with centres at ``places`` [M, 3], in the base frame.

    A thing stands on the table, or on what is below it; one that is near the ``tool`` [3] may not
    stand at all, and is as high as ``before`` [M], ``elapsed`` [s] ago.  None: never seen.
    """
    places = np.asarray(places, dtype=float)
    found = np.zeros(len(places))
    share = 1.0 - np.exp(-elapsed / _TIME)
    for i in np.argsort(places[:, 2], kind='stable'):       # what is below is known before
        below = [2 * found[j] for j in range(len(places)) if places[j, 2] < places[i, 2]
                 and np.linalg.norm(places[j, :2] - places[i, :2]) < _BESIDE]
        measured = np.clip(places[i, 2] - max(below, default=0.0), _LEAST, _MOST)
        if before is None:
            found[i] = measured
        elif np.linalg.norm(places[i] - tool) < _NEAR:
            found[i] = before[i]
        else:
            found[i] = before[i] + share * (measured - before[i])
    return found
