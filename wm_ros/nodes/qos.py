"""The qualities of service in use, by what they are for."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

#: Streams of sensors: only the newest matters, and a lost one is followed by another.
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
#: The same where several may speak, an arm and its gripper: none displaces the other.
JOINTS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
#: Only the newest matters, and it must arrive.
RELIABLE = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
#: Said once, and meant for those who come later as well.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE,
                     durability=DurabilityPolicy.TRANSIENT_LOCAL)
#: Every message counts, also in a burst.
EACH = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
