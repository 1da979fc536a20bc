"""Train one part of the world model on recordings."""

import sys


def run(arguments) -> int:
    """Train a part, on recordings, and keep its best weights."""
    from wm_ros.console import StageBars
    from wm_ros.files import write_json
    from wm_ros.learning import parallel
    from wm_ros.learning.loop import Loop
    from wm_ros.learning.parts import Order, PARTS
    from wm_ros.paths import weights_file
    from wm_ros.world_model import collective
    from wm_ros.world_model.weights import check_device, check_output
    order = _order(arguments, Order, PARTS)
    output = arguments.output or f'{arguments.task}_{arguments.model}'
    check_output(output, arguments.json)
    check_device(arguments.device)
    order = order._replace(device=parallel.start(arguments.device))
    first = collective.rank() == 0
    job, config = PARTS[arguments.model](order)
    job.about = order.about(job)
    writer = _writer(arguments.log_dir) if first else None
    try:
        with StageBars() as bars:
            loop = Loop(job, config, output, arguments.resume, bars.report if first else None,
                        writer)
            figures = loop.run()
    except KeyboardInterrupt:
        if first and weights_file(output).with_suffix('.resume.safetensors').is_file():
            print('wm_ros: stopped; go on with the same command and --resume', file=sys.stderr)
        raise
    finally:
        if writer is not None:
            writer.close()
        parallel.stop()
    if first:
        said = '  '.join(f'{name} {value:.4g}' for name, value in figures.items())
        print(f'{weights_file(output)}: {said}')
        write_json(arguments.json, {'task': arguments.task, 'model': arguments.model,
                                    'seed': arguments.seed, **figures})
    return 0


def _order(arguments, order, parts):
    from wm_ros.types import WmRosError
    if arguments.model not in parts:
        raise WmRosError(f'--model: got {arguments.model!r}, expected agent, '
                         f'{", ".join(parts)}')
    for flag in ('data', 'held_out'):
        folders = getattr(arguments, flag)
        if not folders or not all(folders):
            raise WmRosError(f'--model {arguments.model} is trained on recordings: add '
                             f'--{flag.replace("_", "-")} DIR (wm_ros collect --frames 64)')
    return order(arguments.task, arguments.data, arguments.held_out,
                 tuple(arguments.set), arguments.seed, arguments.device, arguments.debug_run,
                 arguments.robot, lambda complaint: print(complaint, file=sys.stderr))


def _writer(folder):
    """Return a TensorBoard writer, None where none is wanted; WmRosError where there is none."""
    from wm_ros.types import WmRosError
    if not folder:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise WmRosError('--log-dir needs TensorBoard: pip install tensorboard') from error
    return SummaryWriter(folder)
