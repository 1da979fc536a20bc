"""Stamped sensor data -> one synchronised Observation; by joint name, never by order."""

from wm_ros.sensing.builder import ObservationBuilder
from wm_ros.sensing.checks import SensingError, StaleInput
from wm_ros.sensing.pictures import squared
from wm_ros.sensing.settings import SensingSettings

__all__ = ['ObservationBuilder', 'SensingError', 'SensingSettings', 'StaleInput', 'squared']
