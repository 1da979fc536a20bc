"""The managed node that all nodes of the graph are made of."""

from dataclasses import replace
import gc
import time
from typing import Any, Callable, Mapping, Optional, Tuple

from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger
from wm_ros.nodes import convert, runtime
from wm_ros.nodes.parameters import Parameters
from wm_ros.nodes.qos import RELIABLE
from wm_ros.nodes.scoped import ScopedNode
from wm_ros.robot.robot import load_robot, Robot
from wm_ros.tasks import get_task
from wm_ros.types import Code, Status, WmRosError

_WATCH = 0.1            # [s] between looks whether the cycles come
_IDLE = 0.25            # [s] without a cycle after which a node counts as idle
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class ManagedNode(ScopedNode):
    """
    A lifecycle node with checked parameters, status, diagnostics, pause and reset.

    A node fills in ``configure`` (make the library objects, then publishers, subscriptions
    and loops through the methods here, which see to their end in cleanup), ``activate``,
    ``deactivate``, ``check``, ``apply``, ``pause``, ``reset``, ``idle`` and ``figures``.  Keyword
    arguments are those of rclpy's Node.  Raises ParameterError for parameters that the
    table does not know or that it refuses.
    """

    executable = ''     # name in the parameter table, and of the node

    def __init__(self, **kwargs):
        super().__init__(self.executable, **kwargs)
        self.configured = self.active = self.paused = False
        self.robot: Optional[Robot] = None
        self._said = (Code.WAITING, 'unconfigured', None)
        self._reported = 0.0
        self._problems = {}
        try:
            self.parameters = Parameters(self, self.check, lambda: self.configured)
        except Exception:
            self.destroy_node()
            raise

    # What a node fills in

    def configure(self):
        """Make everything that the node works with; raise WmRosError to refuse."""

    def activate(self):
        """Begin to work."""

    def deactivate(self):
        """Stop working; whatever moves is to be held when this returns."""

    def check(self, values: Mapping[str, Any]):
        """Raise ParameterError if ``values``, good one by one, do not go together."""

    def apply(self, values: Mapping[str, Any]):
        """Work with ``values`` from the cycle that begins now."""

    def pause(self, flag: bool) -> str:
        """Note that ``self.paused`` has become ``flag``; return what more there is to say."""
        return ''

    def reset(self) -> str:
        """Begin anew; return what was done, or raise WmRosError."""
        return 'nothing to reset'

    def idle(self) -> Tuple[Code, str]:
        """Return code and text of a node whose cycles do not come."""
        return Code.WAITING, 'no input yet'

    def figures(self) -> Mapping[str, float]:
        """Return the figures of the status."""
        return {}

    # What a node uses

    @property
    def values(self) -> Mapping[str, Any]:
        """Parameters in use."""
        return self.parameters.values

    def now(self) -> float:
        """Return the time of the node's clock [s]."""
        return self.get_clock().now().nanoseconds * 1e-9

    @property
    def sim_time(self) -> bool:
        """Whether the clock is /clock."""
        return self.get_clock().ros_time_is_active

    def begin_cycle(self) -> None:
        """Put changed parameters to use; to be called at the edge of each cycle."""
        values = self.parameters.take()
        if values is not None:
            self.apply(values)

    def refuse(self, what: str, error: Exception):
        """Report data that was refused; a line a second at most, and a count."""
        count, _ = self._problems.get(what, (0, ''))
        self._problems[what] = (count + 1, str(error))
        self.get_logger().warning(f'{what}: {error}', throttle_duration_sec=1.0)
        self.report(Code.BAD_INPUT, str(error))

    @property
    def refused(self) -> int:
        """Messages that were refused since the node was configured."""
        return sum(count for count, _ in list(self._problems.values()))

    def report(self, code: Code, text: str = '',
               figures: Optional[Callable[[], Mapping[str, float]]] = None):
        """
        Say how the node is; figures are asked for only if somebody listens.

        What keeps the node from its work goes to the log when it begins, a line a second at
        most.
        """
        if code >= Code.STALE_INPUT and code not in (self._said[0], Code.BAD_INPUT):
            self.get_logger().warning(f'{code.name}: {text}', throttle_duration_sec=1.0)
        self._said = (code, text, figures or self.figures)
        self._reported = time.monotonic()
        if self._status_publisher.get_subscription_count():
            self._status_publisher.publish(self._status_msg())

    # Lifecycle

    def on_configure(self, state) -> TransitionCallbackReturn:
        """Take the parameters as they are and make everything; FAILURE leaves nothing."""
        return self._transition('configure', self._configure, self._tear_down)

    def on_activate(self, state) -> TransitionCallbackReturn:
        """Begin to work."""
        return self._transition('activate', self._activate, self._deactivate)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        """Hold, then stop working."""
        self._transition('deactivate', self._deactivate, lambda: None)
        return _SUCCESS

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        """Destroy everything that configure made."""
        self._transition('cleanup', self._tear_down, lambda: None)
        return _SUCCESS

    def on_shutdown(self, state) -> TransitionCallbackReturn:
        """Hold and destroy everything."""
        self.stop()
        return _SUCCESS

    def on_error(self, state) -> TransitionCallbackReturn:
        """Go back to unconfigured."""
        self.stop()
        return _SUCCESS

    def stop(self):
        """Hold if active, and destroy what configure made; harmless when repeated."""
        self._transition('deactivate', self._deactivate, lambda: None)
        self._transition('cleanup', self._tear_down, lambda: None)

    def destroy_node(self):
        """Stop, then destroy the node."""
        self.stop()
        super().destroy_node()
        # rclpy leaves these, which keep the node's handle: others would see it live on.
        self._state_machine = None
        for name in vars(self):
            if name.startswith('_service_'):
                setattr(self, name, None)

    def _transition(self, name, action, undo):
        try:
            action()
            return _SUCCESS
        except WmRosError as error:
            self.get_logger().error(f'{name}: {" ".join(str(error).split())}')
        except Exception as error:  # noqa: B902
            # rclpy would swallow it without a word.
            self.fail(error)
        undo()
        return _FAILURE

    def _configure(self):
        runtime.refuse_double(self)
        self.parameters.take()
        self.configured = True
        robot = load_robot(self.values['robot'])
        self.robot = replace(robot, ee_frame=self.values['ee_frame'] or robot.ee_frame)
        # A label on messages only: the URDF's link keeps its name when tf prefixes it.
        self.base_frame = self.values['base_frame'] or robot.base_frame
        self.task = get_task(self.values['task'])
        self._status_publisher = self.add_publisher(
            convert.DiagnosticStatus, '~/status', RELIABLE)
        self._diagnostics = self.add_publisher(
            convert.DiagnosticArray, '/diagnostics', QoSProfile(depth=10))
        self.add_service(SetBool, '~/pause', self._on_pause)
        self.add_service(Trigger, '~/reset', self._on_reset)
        self._rounds = 0
        self.add_timer(_WATCH, self._watch, steady=True)
        self._problems.clear()
        self._said = (Code.WAITING, 'inactive', None)
        self.configure()

    def _activate(self):
        # What is there by now stays; the collector need not walk through it while the arm
        # moves, which with torch loaded would take longer than a period of the gate.
        gc.collect()
        gc.freeze()
        self.active = True
        # A pause that somebody asked for outlives all transitions: only ~/pause ends it.
        self.paused |= bool(self.values.get('start_paused', False))
        self.activate()

    def _deactivate(self):
        if self.active:
            try:
                self.deactivate()
            finally:
                self.active = False
                gc.unfreeze()
                self._said = (Code.WAITING, 'inactive', None)

    def _tear_down(self):
        self.end_all()
        self.configured = False

    def _on_pause(self, request, response):
        self.paused = bool(request.data)
        more = self.pause(self.paused)
        response.success = True
        response.message = ('paused' if self.paused else 'running') + (f', {more}' * bool(more))
        return response

    def _on_reset(self, request, response):
        try:
            response.message = self.reset()
            response.success = True
        except WmRosError as error:
            response.success, response.message = False, str(error)
        return response

    def _watch(self):
        """Report in the place of cycles that do not come; diagnostics once a second."""
        if not self.active:
            self.report(*self._said)
        elif time.monotonic() - self._reported > _IDLE:
            self.report(*self.idle())
        self._rounds += 1
        if self._rounds % round(1.0 / _WATCH) == 0:
            if self._diagnostics.get_subscription_count():
                self._diagnostics.publish(
                    convert.diagnostics([self._status_msg()], self.now()))

    def _status_msg(self):
        code, text, figures = self._said
        status = Status(code, text, figures() if figures else {})
        hardware = self.robot.name if self.robot else ''
        return convert.status_to_msg(
            status, self.get_fully_qualified_name().lstrip('/'), hardware)
