"""Which episodes a report is of."""

from typing import Any, Mapping, Sequence


def played(figures: Mapping[str, Any]) -> Sequence[int]:
    """Return the seeds of the episodes of a report, in order."""
    return figures.get('seeds') or range(figures['seed'], figures['seed'] + figures['episodes'])
