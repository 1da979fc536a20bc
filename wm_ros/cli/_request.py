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


def product(arguments) -> dict:
    """Return them as ``evaluation.run.Request`` names them."""
    return {'checkpoint': arguments.checkpoint, 'robot': arguments.robot,
            'sensors': arguments.sensors, 'engine': arguments.engine,
            'randomization': arguments.randomization,
            'params_files': tuple(arguments.params_file),
            'settings': tuple(arguments.set)}
