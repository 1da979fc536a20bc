"""Statuses, diagnostics, markers: what people and their tools look at."""

from typing import Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
import numpy as np
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker
from wm_ros.nodes.convert.basics import ConvertError, show, stamp
from wm_ros.types import Code, Status

_ERRORS = (Code.NO_VALID_PLAN, Code.CHECKPOINT_MISMATCH, Code.TRACKING_ERROR,
           Code.EMERGENCY_STOP, Code.LATCHED)


def status_to_msg(status: Status, name: str, hardware: str = '') -> DiagnosticStatus:
    """Return a status; its message begins with the name of the code."""
    code = status.code
    level = DiagnosticStatus.OK
    if code in _ERRORS:
        level = DiagnosticStatus.ERROR
    elif code >= Code.STALE_INPUT:
        level = DiagnosticStatus.WARN
    return DiagnosticStatus(
        level=level, name=name, hardware_id=hardware,
        message=f'{code.name}: {status.text}' if status.text else code.name,
        values=[KeyValue(key=key, value=f'{value:.6g}') for key, value in status.figures.items()])


def status_from_msg(msg: DiagnosticStatus) -> Status:
    """Return a status; ConvertError when its message does not begin with a code."""
    word, _, text = msg.message.partition(': ')
    if word not in Code.__members__:
        raise ConvertError(f'status: got message {show(msg.message)}, expected a code first')
    figures = {}
    for item in msg.values:
        try:
            figures[item.key] = float(item.value)
        except ValueError as error:
            raise ConvertError(f'status: {show(item.key)} is {show(item.value)}, expected a '
                               'number') from error
    return Status(Code[word], text, figures)


def diagnostics(statuses: Sequence[DiagnosticStatus], time: float) -> DiagnosticArray:
    """Return the array that goes to /diagnostics."""
    msg = DiagnosticArray(status=list(statuses))
    msg.header.stamp = stamp(time)
    return msg


def line(frame: str, namespace: str, number: int, positions: np.ndarray,
         colour: Sequence[float], width: float, lifetime: float) -> Marker:
    """Return a line through ``positions`` [L, 3] m; colour RGBA, width [m], lifetime [s]."""
    msg = _marker(frame, namespace, number, Marker.LINE_STRIP, colour, lifetime)
    msg.scale.x = width
    msg.points = [Point(x=x, y=y, z=z) for x, y, z in
                  np.asarray(positions, dtype=float).tolist()]
    return msg


def sphere(frame: str, namespace: str, position: Sequence[float], diameter: float,
           colour: Sequence[float], lifetime: float) -> Marker:
    """Return a sphere at ``position`` [3] m; colour RGBA, diameter [m], lifetime [s]."""
    return _solid(frame, namespace, 0, Marker.SPHERE, position, (diameter,) * 3, colour, lifetime)


def box(frame: str, namespace: str, number: int, centre: Sequence[float],
        lengths: Sequence[float], colour: Sequence[float], lifetime: float) -> Marker:
    """Return a box along the frame's axes, ``centre`` and ``lengths`` [3] m; as ``sphere``."""
    return _solid(frame, namespace, number, Marker.CUBE, centre, lengths, colour, lifetime)


def _solid(frame, namespace, number, kind, position, lengths, colour, lifetime):
    msg = _marker(frame, namespace, number, kind, colour, lifetime)
    msg.pose.position = Point(x=float(position[0]), y=float(position[1]), z=float(position[2]))
    msg.scale.x, msg.scale.y, msg.scale.z = (float(length) for length in lengths)
    return msg


def _marker(frame, namespace, number, kind, colour, lifetime):
    msg = Marker(ns=namespace, id=number, type=kind, action=Marker.ADD)
    msg.header.frame_id = frame     # a stamp of 0: as of the newest transform
    msg.color = ColorRGBA(**{name: float(value) for name, value in zip('rgba', colour)})
    msg.lifetime.nanosec = round(lifetime * 1e9)
    return msg
