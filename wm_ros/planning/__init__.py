"""Planning over imagined horizons."""

from wm_ros.planning.mpc import Mpc
from wm_ros.planning.registry import check_choice
from wm_ros.planning.settings import PlannerSettings

__all__ = ['check_choice', 'Mpc', 'PlannerSettings']
