"""
Simulated robot, sensors, world model, planner and safety gate.

    ros2 launch wm_ros sim.launch.py task:=push rviz:=true

The robot is simulated in real time (see robot_node in config/params.yaml).

Arguments (``--show-args`` explains them): namespace, task, robot, checkpoint, sensors, engine,
randomization, params_file, use_sim_time, autostart, use_mock_hardware, single_process, rviz,
log_level.
Nodes, parameters and order come from the table in wm_ros/graph.py, as for ``wm_ros up sim``.
The launch ends when one of its nodes does.
"""

from wm_ros.nodes.processes.launching import description


def generate_launch_description():
    """Return what is launched."""
    return description('sim')
