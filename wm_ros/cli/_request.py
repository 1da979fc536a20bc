"""What evaluate and tune are told of the product that they run: model, robot, parameters."""


def add_product_arguments(parser, randomization=''):
    """Add the arguments; ``randomization`` is the one that is taken if none is given."""
    parser.add_argument('--checkpoint', default='', help='default: the one shipped for the task')
    parser.add_argument('--robot', default='', help='a name in config/robots, or a robot file')
    parser.add_argument('--sensors', default='',
                        help='camera: objects are found in its image (default: object_poses)')
    parser.add_argument('--engine', default='',
                        help='physics: pybullet (default) or mujoco')
    parser.add_argument('--randomization', default=randomization, metavar='NAME',
                        help='what varies from episode to episode: a name in '
                        f'config/randomization, or a file (default: {randomization or "nothing"})')
    parser.add_argument('--params-file', action='append', default=[], metavar='FILE',
                        help='ROS parameter file; a later one wins')
    parser.add_argument('--set', action='append', default=[], metavar='[NODE:]NAME:=VALUE',
                        help='one parameter, such as planner.horizon:=5')


def check_engine(name: str):
    """Raise WmRosError for an engine without physics: nothing would be learned or measured."""
    from wm_ros.types import WmRosError
    if name == 'mock':
        raise WmRosError('--engine mock: moves the arm and nothing else; expected pybullet or '
                         'mujoco')


def product(arguments) -> dict:
    """Return them as ``evaluation.run.Request`` names them."""
    check_engine(arguments.engine)
    return {'checkpoint': arguments.checkpoint, 'robot': arguments.robot,
            'sensors': arguments.sensors, 'engine': arguments.engine,
            'randomization': arguments.randomization,
            'params_files': tuple(arguments.params_file),
            'settings': tuple(arguments.set)}


def refuse_env_arguments(arguments):
    """Raise WmRosError for arguments of an environment where a task is asked for."""
    from wm_ros.types import WmRosError
    if arguments.env_arg:
        raise WmRosError(f'--env-arg: got {arguments.env_arg[0]}, expected it with --env only')
