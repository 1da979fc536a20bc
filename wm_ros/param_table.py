"""The table of all parameters of all nodes; ``docs/parameters.md`` is written from it."""

from wm_ros.params import ParamSpec, ParamTable

ROBOT, SENSOR, MODEL = 'robot_node', 'sensor_node', 'world_model_node'
MPC, SAFETY, MANAGER = 'mpc_node', 'safety_node', 'lifecycle_manager'
_ALL = (ROBOT, SENSOR, MODEL, MPC, SAFETY)

_COMMON = (
    ParamSpec('robot', 'string', 'panda', 'Robot: a name in config/robots, or the path of '
              'such a file.', _ALL),
    ParamSpec('task', 'string', 'reach', 'Task that the graph runs.', _ALL),
    ParamSpec('base_frame', 'string', '', 'Frame of poses and goals; empty: as the robot '
              'file says.', _ALL),
    ParamSpec('ee_frame', 'string', '', 'End-effector frame; empty: as the robot file says.',
              _ALL),
    ParamSpec('checkpoint', 'string', '', 'Path of the world model; empty: the one shipped '
              'for the task.', (MODEL, MPC)),
    ParamSpec('adapt', 'bool', True, 'Learn from commands and joints how late the arm answers, '
              'and where it comes to stand under a load; otherwise it is taken to be exact.',
              (MODEL,)),
    ParamSpec('eyes', 'string', '', 'Path of eyes that find the objects in images where there '
              'are no object poses, or the name of shipped ones, {task} in it stands for the '
              'task; empty: none.', (MODEL,)),
    ParamSpec('sentinel', 'string', '', 'Path of a model of sequences that says how unusual all '
              'senses are, or the name of a shipped one; empty: none. wm_ros calibrate makes what '
              'it needs to know.', (MODEL,)),
    ParamSpec('device', 'string', 'cpu', 'torch device, such as cpu or cuda.', (MODEL, MPC)),
    ParamSpec('start_paused', 'bool', False, 'Begin paused when activated.', (MPC, SAFETY)),
)

_ROBOT_NODE = (
    ParamSpec('engine', 'string', 'pybullet', 'Physics: pybullet, mujoco, or mock (a kinematic '
              'echo of the arm).', (ROBOT,), choices=('pybullet', 'mujoco', 'mock')),
    ParamSpec('randomization', 'string', '', 'What varies from episode to episode: a name in '
              'config/randomization, or a file; empty: nothing.', (ROBOT,)),
    ParamSpec('lockstep', 'bool', False, 'Advance time only by ~/step; otherwise real time.',
              (ROBOT,)),
    ParamSpec('seed', 'int', 0, 'Seed of the first scene, and of the next one when set; those '
              'after it count up.', (ROBOT,), low=0, dynamic=True),
    ParamSpec('joint_state_rate', 'double', 100.0, 'joint_states.', (ROBOT,), 'Hz', 1, 240),
    ParamSpec('object_rate', 'double', 50.0, 'object_poses.', (ROBOT,), 'Hz', 1, 240),
    ParamSpec('wrench_rate', 'double', 100.0, 'wrench; 0: not published.', (ROBOT,), 'Hz', 0, 240),
    ParamSpec('clock_rate', 'double', 100.0, '/clock.', (ROBOT,), 'Hz', 1, 240),
    ParamSpec('camera.rate', 'double', 10.0, 'camera/image_raw; 0: no camera.', (ROBOT,), 'Hz',
              0, 60),
    ParamSpec('camera.width', 'int', 64, 'Image width.', (ROBOT,), 'px', 16, 1920),
    ParamSpec('camera.height', 'int', 64, 'Image height.', (ROBOT,), 'px', 16, 1080),
    ParamSpec('camera.depth', 'bool', False, 'Publish camera/depth/image_raw as well.',
              (ROBOT,)),
    ParamSpec('faults.frames_lost', 'double', 0.0, 'Share of the camera frames that are lost.',
              (ROBOT,), '', 0, 1),
    ParamSpec('faults.poses_lost', 'double', 0.0, 'Share of the object poses that are lost.',
              (ROBOT,), '', 0, 1),
    ParamSpec('faults.begin', 'double', 0.0, 'Time of an episode before which nothing is lost.',
              (ROBOT,), 's', 0, 1e6),
    ParamSpec('command_timeout', 'double', 0.5, 'Real controllers stop when commands cease; '
              'so does this one.', (ROBOT,), 's', 0.01, 10),
)

_SENSOR_NODE = (
    ParamSpec('observation_rate', 'double', 40.0, 'Highest rate of observations; each is '
              'sent on the arrival of a joint state.', (SENSOR,), 'Hz', 1, 250),
    ParamSpec('joint_state_timeout', 'double', 0.1, 'Older joint states are stale.',
              (SENSOR,), 's', 0.005, 10, dynamic=True),
    ParamSpec('object_timeout', 'double', 0.2, 'Older object poses are invalid.', (SENSOR,),
              's', 0.005, 10, dynamic=True),
    ParamSpec('image_timeout', 'double', 0.5, 'Older images are invalid.', (SENSOR,),
              's', 0.005, 10, dynamic=True),
    ParamSpec('use_camera', 'bool', False, 'Subscribe to the camera.', (SENSOR,)),
    ParamSpec('image_size', 'int', 0, 'Edge of the square images that observations carry; 0: '
              'none.', (SENSOR,), 'px', 0, 256),
    ParamSpec('use_object_poses', 'bool', True, 'Subscribe to object_poses.', (SENSOR,)),
    ParamSpec('use_wrench', 'bool', True, 'Subscribe to the wrench; where none comes, nothing is '
              'felt.', (SENSOR,)),
)

_PLANNER = (
    ParamSpec('planner.type', 'string', 'mppi', 'Planner.', (MPC,),
              choices=('mppi', 'cem', 'gradient', 'nlp', 'tree', 'actor', 'prior', 'dither',
                       'random'),
              dynamic=True),
    ParamSpec('planner.rate', 'double', 40.0, 'Highest replanning rate.', (MPC,), 'Hz', 1, 250,
              dynamic=True),
    ParamSpec('planner.horizon', 'int', 10, 'Steps imagined.', (MPC,), 'steps', 1, 100,
              dynamic=True),
    ParamSpec('planner.dt', 'double', 0.05, "The model's step; must equal the checkpoint's.",
              (MPC,), 's', 0.005, 1),
    ParamSpec('planner.num_samples', 'int', 32, 'Candidates imagined per iteration; '
              'with a warm start all but num_policy_samples go on from the last plan (mppi).',
              (MPC,), '', 2, 65536, dynamic=True),
    ParamSpec('planner.num_elites', 'int', 8, 'Best candidates that shape the next '
              'distribution.', (MPC,), '', 1, 65536, dynamic=True),
    ParamSpec('planner.iterations', 'int', 1, 'Refinements of the distribution per plan.',
              (MPC,), '', 1, 100, dynamic=True),
    ParamSpec('planner.temperature', 'double', 0.5, 'Softness of the weights of the elites.',
              (MPC,), '', 1e-6, 1e6, dynamic=True),
    ParamSpec('planner.prior', 'string', 'policy', 'What searches look around: the policy of the '
              'checkpoint, or an actor that learned in its imagination.', (MPC,),
              choices=('policy', 'actor'), dynamic=True),
    ParamSpec('planner.warm_start', 'bool', False, 'Go on from the last plan; what a search '
              'keeps is what the model is most mistaken about.', (MPC,), dynamic=True),
    ParamSpec('planner.num_policy_samples', 'int', 32, 'Candidates that begin anew at the '
              'policy prior; with a warm start (mppi).', (MPC,), '', 0, 65536, dynamic=True),
    ParamSpec('planner.around_prior', 'bool', True, 'Search for offsets from what the policy '
              'prior does in each future, not for actions.', (MPC,), dynamic=True),
    ParamSpec('planner.deadline_ms', 'double', 0.0, 'A search ends when no iteration fits into '
              'the time that is left, with the best so far; 0: never.', (MPC,), 'ms', 0, 10000,
              dynamic=True),
    ParamSpec('planner.noise_std', 'double', 0.3, 'Width of the sampling distribution, and '
              'of the noise of the dither.', (MPC,), 'of full action', 0, 2, dynamic=True),
    ParamSpec('planner.noise_correlation', 'double', 0.7, 'Correlation of the noise from one '
              'step to the next.', (MPC,), '', 0, 0.999, dynamic=True),
    ParamSpec('planner.noise_exponent', 'double', 2.0, "Of the noise's spectrum, 1 / f ** "
              'exponent (cem).', (MPC,), '', 0, 10, dynamic=True),
    ParamSpec('planner.num_starts', 'int', 6, 'Starts of the ascent (gradient).', (MPC,), '', 1,
              4096, dynamic=True),
    ParamSpec('planner.step_size', 'double', 0.1, 'Of a step of the ascent (gradient).', (MPC,),
              'of full action', 1e-6, 2, dynamic=True),
    ParamSpec('planner.simulations', 'int', 128, 'Futures dreamed per plan, num_samples at first '
              '(tree).', (MPC,), '', 1, 65536, dynamic=True),
    ParamSpec('planner.depth', 'int', 3, 'Choices from now to the horizon (tree).', (MPC,), '', 1,
              100, dynamic=True),
    ParamSpec('planner.num_children', 'int', 4, 'Samples to choose from, below the first choice '
              '(tree).', (MPC,), '', 2, 1024, dynamic=True),
    ParamSpec('planner.solver', 'string', 'sqp', 'Of nlp: quadratic programs, as many as '
              'iterations; or IPOPT after them, for comparison: it takes a second.', (MPC,),
              choices=('sqp', 'ipopt'), dynamic=True),
    ParamSpec('planner.keep_out', 'double_array', [], 'Boxes that the arm keeps out of: centre x, '
              'y, z and lengths x, y, z of each, in the base frame. A hard constraint to nlp, '
              'objective.keep_out to others that search.', (MPC,), 'm', dynamic=True),
    ParamSpec('planner.action_delay', 'double', 0.02, 'Time from the newest joint state to '
              'the moment at which the plan acts; the belief is propagated by it.', (MPC,),
              's', 0, 1, dynamic=True),
    ParamSpec('planner.backend', 'string', 'auto', 'What dreams run on; auto: the fastest of '
              "those that give eager torch's numbers.", (MPC,),
              choices=('auto', 'numba', 'wide', 'wide-bfloat16', 'torchscript', 'compile',
                       'eager')),
    ParamSpec('planner.seed', 'int', 0, 'Seed of the sampling.', (MPC,), low=0),
    ParamSpec('actor', 'string', '', 'Path or name of an actor; empty: NAME_actor beside the '
              'checkpoint NAME, if it is there.', (MPC,)),
    ParamSpec('belief_timeout', 'double', 0.15, 'No plan from an older belief.', (MPC,), 's',
              0.01, 10, dynamic=True),
    ParamSpec('unseen_timeout', 'double', 0.5, 'No plan when the objects have not been seen for '
              'so long.', (MPC,), 's', 0.05, 60, dynamic=True),
)

_OBJECTIVE = tuple(
    ParamSpec(f'objective.{name}', 'double', default, doc, (MPC,), '', 0, 1e6, dynamic=True)
    for name, default, doc in (
        ('reward', 0.0, 'Weight of the learned reward.'),
        ('value', 0.0, 'Weight of the learned value of the last state.'),
        ('goal', 1.0, 'Weight of the distance to the goal.'),
        ('arrival', 0.0, 'Weight of each step before the goal is reached and kept.'),
        ('approach', 0.0, 'Weight of the distance from end effector to object.'),
        ('disagreement', 3.0, 'Weight of the ensemble disagreement.'),
        ('smoothness', 0.0, 'Weight of the change of action from step to step.'),
        ('effort', 0.0, 'Weight of the squared action.'),
        ('joint_limits', 0.0, 'Weight of joints that come near to their limits.'),
        ('detour', 1.0, 'Weight of how much longer the way of the end effector to its goal is by '
         'the boxes of planner.keep_out.'),
        ('keep_out', 3.0, 'Weight of each centimetre by which the arm is too near to a box of '
         'planner.keep_out.'),
    ))

_SAFETY = (
    ParamSpec('safety.rate', 'double', 120.0, 'Rate of the gate.', (SAFETY,), 'Hz', 20, 1000),
    ParamSpec('safety.plan_timeout', 'double', 0.15, 'Hold when the plan is older.', (SAFETY,),
              's', 0.01, 10, dynamic=True),
    ParamSpec('safety.input_timeout', 'double', 0.1, 'Hold when the joint states are older.',
              (SAFETY,), 's', 0.005, 10, dynamic=True),
    ParamSpec('safety.speed_scale', 'double', 1.0, 'Share of the velocity limits in use.',
              (SAFETY,), '', 0.01, 1, dynamic=True),
    ParamSpec('safety.position_margin', 'double', 0.02, 'Kept from the position limits.',
              (SAFETY,), 'rad', 0, 1),
    ParamSpec('safety.max_tracking_error', 'double', 0.3, 'Hold when the arm is farther from '
              'its command.', (SAFETY,), 'rad', 0.01, 10, dynamic=True),
    ParamSpec('safety.hold_deceleration', 'double', 1.0, 'Share of the acceleration limits '
              'used for braking into a hold.', (SAFETY,), '', 0.05, 1),
    ParamSpec('command_out_topic', 'string', 'arm_controller/joint_trajectory', 'Where '
              'commands go.', (SAFETY,)),
    ParamSpec('command_out_type', 'string', 'trajectory_msgs/JointTrajectory', 'Their type.',
              (SAFETY,), choices=('trajectory_msgs/JointTrajectory',
                                  'std_msgs/Float64MultiArray')),
    ParamSpec('command_out_stamped', 'bool', True, 'Stamp trajectories with the moment they '
              'are for, so that one that arrives late does not make the arm hurry; false for '
              'a controller on a clock of its own. Simulated time is too coarse for it.',
              (SAFETY,)),
    ParamSpec('gripper_command_topic', 'string', 'gripper_controller/joint_trajectory',
              'Where gripper commands go; empty: nowhere.', (SAFETY,)),
    ParamSpec('gripper_command_type', 'string', 'trajectory_msgs/JointTrajectory',
              'Their type.', (SAFETY,), choices=('trajectory_msgs/JointTrajectory',
                                                 'std_msgs/Float64MultiArray')),
)

_MANAGER = (
    ParamSpec('node_names', 'string_array', ['sensor_node', 'world_model_node', 'mpc_node',
                                             'safety_node'],
              'Nodes that are brought up, in this order.', (MANAGER,)),
    ParamSpec('autostart', 'bool', True, 'Configure and activate at once.', (MANAGER,)),
    ParamSpec('transition_timeout', 'double', 60.0, 'Longest wait for one transition.',
              (MANAGER,), 's', 0.1, 600),
)

#: joint_limits.<joint>.<key>, exactly as ros2_control names them (safety_node only).
JOINT_LIMIT_KEYS = {
    'has_position_limits': 'bool', 'min_position': 'double', 'max_position': 'double',
    'has_velocity_limits': 'bool', 'max_velocity': 'double',
    'has_acceleration_limits': 'bool', 'max_acceleration': 'double',
    'has_jerk_limits': 'bool', 'max_jerk': 'double',
}

_JOINT_LIMITS = tuple(
    ParamSpec(f'joint_limits.*.{key}', kind, False if kind == 'bool' else 0.0,
              'As ros2_control names it; overrides the URDF.', (SAFETY,))
    for key, kind in JOINT_LIMIT_KEYS.items())

TABLE = ParamTable(
    _COMMON + _ROBOT_NODE + _SENSOR_NODE + _PLANNER + _OBJECTIVE + _SAFETY + _MANAGER,
    families=_JOINT_LIMITS)
