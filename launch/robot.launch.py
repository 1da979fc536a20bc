"""
Sensors, world model, planner and safety gate for a robot that is there.

    ros2 launch wm_ros robot.launch.py task:=reach params_file:=mine.yaml

The arm starts at safety.speed_scale 0.1, unless params_file says otherwise, and can be made
faster while it runs: ``ros2 param set /safety_node safety.speed_scale 0.3``.  Its driver must
publish joint_states and take commands on command_out_topic (arm_controller/joint_trajectory).
With use_mock_hardware:=true an echo of the arm takes its place.

Arguments (``--show-args`` explains them): namespace, task, robot, checkpoint, sensors,
params_file, use_sim_time, autostart, use_mock_hardware, single_process, rviz, log_level.
Nodes, parameters and order come from the table in wm_ros/graph.py, as for ``wm_ros up robot``.
The launch ends when one of its nodes does.
"""

from wm_ros.nodes.processes.launching import description


def generate_launch_description():
    """Return what is launched."""
    return description('robot')
