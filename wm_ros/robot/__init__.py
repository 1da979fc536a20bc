"""The arm: URDF and limits, exact kinematics, task-space action to joint motion."""
