"""The independent gate that no planner can go around; numpy only."""

from wm_ros.safety.gate import SafetyGate
from wm_ros.safety.inputs import Measured
from wm_ros.safety.settings import GateSettings

__all__ = ['GateSettings', 'Measured', 'SafetyGate']
