"""Which of many is promising, and which is best: quality and time, both of which count."""

from typing import Callable, List, Sequence, TypeVar

_Item = TypeVar('_Item')


def fronts(items: Sequence[_Item], costs: Callable[[_Item], Sequence[float]]
           ) -> List[List[_Item]]:
    """
    Return ``items`` by Pareto front, the best one first (NSGA-II, Deb et al. 2002).

    ``costs(item)``: what is to be little.  Items of a front are in order of the first cost.
    """
    left, found = list(items), []
    while left:
        front = [item for item in left
                 if not any(_dominates(costs(other), costs(item)) for other in left)]
        found.append(sorted(front, key=costs))
        left = [item for item in left if item not in front]
    return found


def promising(items: Sequence[_Item], costs: Callable[[_Item], Sequence[float]], count: int
              ) -> List[_Item]:
    """Return at most ``count`` of ``items``: front by front, by the first cost in each."""
    return [item for front in fronts(items, costs) for item in front][:count]


def _dominates(one, other) -> bool:
    return (all(a <= b for a, b in zip(one, other))
            and any(a < b for a, b in zip(one, other)))
