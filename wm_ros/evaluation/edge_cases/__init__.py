"""Episodes that an agent fails and a script does not: found, kept in files, played again."""

from wm_ros.evaluation.edge_cases.cases import Case, Cases, load_cases

__all__ = ['Case', 'Cases', 'load_cases']
