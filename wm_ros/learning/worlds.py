"""Which episodes training records: of worlds as they are usually drawn, and of edge cases."""

from typing import Any, Optional, Sequence, Tuple

from wm_ros.learning.curriculum import Curriculum


class Worlds:
    """
    Hands out episodes: a seed, and the randomization that draws the world of its scene.

    Seeds follow ``last``, worlds are as ``usual`` draws them.  A ``share`` of the episodes is of
    ``cases``, (seed, randomization) each: all of them as they are, then all with starts and goals
    that follow, lest these be learned by heart, and so on.  A ``Curriculum`` takes the place of
    what is ``usual``.
    """

    def __init__(self, last: int, usual: Any, cases: Sequence[Tuple[int, Any]] = (),
                 share: float = 0.0, curriculum: Optional[Curriculum] = None):
        self._last, self._usual, self._curriculum = last, usual, curriculum
        self._cases, self._share = tuple(cases), share if cases else 0.0
        self._due, self._turn = 0.0, 0

    def __next__(self) -> Tuple[int, Any]:
        """Return the next episode."""
        self._due += self._share
        self._case = self._due >= 1.0 - 1e-9
        if not self._case:
            worlds = self._usual if self._curriculum is None else self._curriculum.worlds
            return self._fresh(), worlds
        self._due -= 1.0
        lap, which = divmod(self._turn, len(self._cases))
        self._turn += 1
        seed, world = self._cases[which]
        return self._fresh() if lap % 2 else seed, world

    def note(self, seed: int, success: bool):
        """Take note of how the agent's own episode, the last one, ended."""
        if self._curriculum is not None and not self._case:
            self._curriculum.note(seed, success)

    def _fresh(self) -> int:
        self._last += 1
        return self._last
