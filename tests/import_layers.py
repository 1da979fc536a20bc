"""Which module may import which: the rules, and a reader of imports that applies them."""

import ast
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

#: Modules and subpackages of wm_ros. Each may import its own layer and those before it.
LAYERS = (
    ('__init__', 'types', 'params', 'param_table', 'param_layers', 'param_docs', 'tasks', 'seeds',
     'files', 'paths', 'cores', 'workers', 'cluster', 'video', 'graph'),
    ('robot', 'safety', 'sensing'),
    ('world_model',),
    ('planning',),
    ('data', 'evaluation', 'tuning'),
    ('learning',),
    ('nodes', 'cli', 'bench', 'demo', 'console', '__main__'),
)
#: What sim may import from wm_ros, and what its ROS node may in addition.
SIM_MAY_IMPORT = LAYERS[0] + ('robot',)
SIM_NODE, SIM_NODE_MAY_IMPORT = 'sim.robot_node', ('nodes',)
#: The parts of wm_ros that may import sim.
MAY_IMPORT_SIM = ('wm_ros.cli', 'wm_ros.demo', 'wm_ros.bench', 'wm_ros.evaluation',
                  'wm_ros.learning.collect')
WITHOUT_TORCH = LAYERS[0] + LAYERS[1]
ROS_PACKAGES = ('rclpy', 'launch', 'launch_ros', 'rosidl_runtime_py',
                'rpyutils', 'tf2_ros', 'cv_bridge', 'message_filters', 'std_srvs')
ROS_SUFFIXES = ('_msgs', '_interfaces')


def violations(root: Path) -> List[str]:
    """Return one line for each import below this folder that breaks a rule, sorted by file."""
    found = []
    for package in ('wm_ros', 'sim'):
        for file in sorted((root / package).rglob('*.py')):
            module = _module_name(file.relative_to(root))
            for line, target in imports(file, module, root):
                reason = broken_rule(module, target)
                if reason:
                    found.append(f'{file.relative_to(root)}:{line}: {module} imports {target}: '
                                 f'{reason}')
    return found


def broken_rule(module: str, target: str) -> Optional[str]:
    """Return why this module must not import that one, or None when it may."""
    package, unit = _unit(module)
    target_package, target_unit = _unit(target)
    if target_package in ROS_PACKAGES or target_package.endswith(ROS_SUFFIXES):
        if (package, unit) != ('wm_ros', 'nodes') and module != SIM_NODE:
            return f'ROS is known only to wm_ros.nodes and {SIM_NODE}'
    elif target_package.startswith(('pybullet', 'mujoco')):
        if package != 'sim':
            return 'physics engines are known only to sim'
    elif target_package == 'torch':
        if package == 'wm_ros' and unit in WITHOUT_TORCH:
            return f'wm_ros.{unit} works without torch'
    elif target_package == 'sim' and package == 'wm_ros':
        if not any(f'{module}.'.startswith(f'{allowed}.') for allowed in MAY_IMPORT_SIM):
            return f'only {", ".join(MAY_IMPORT_SIM)} may import sim'
    elif target_package == 'wm_ros' and package == 'sim':
        allowed = SIM_MAY_IMPORT + (SIM_NODE_MAY_IMPORT if module == SIM_NODE else ())
        if target_unit not in allowed:
            return f'{module} may import from wm_ros only {", ".join(sorted(allowed))}'
    elif target_package == package == 'wm_ros':
        return _broken_order(unit, target_unit)
    return None


def imports(file: Path, module: str, root: Path) -> Iterator[Tuple[int, str]]:
    """Yield (line, full name of the module) for each import, however deep in the file."""
    own_package = module if file.name == '__init__.py' else module.rpartition('.')[0]
    for node in ast.walk(ast.parse(file.read_text(encoding='utf-8'), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, own_package)
            for alias in node.names:
                name = f'{base}.{alias.name}'
                yield node.lineno, name if _is_module(root, name) else base
        elif _imports_by_name(node):
            yield node.lineno, node.args[0].value


def _broken_order(unit, target_unit):
    ranks = {name: rank for rank, names in enumerate(LAYERS) for name in names}
    for name in (unit, target_unit):
        if name not in ranks:
            return f'wm_ros.{name} is in no layer: add it to LAYERS in tests/import_layers.py'
    if ranks[target_unit] > ranks[unit]:
        return f'{unit} comes before {target_unit} in the order of layers'
    return None


def _unit(module):
    """Return (top-level package, what is directly below it or '__init__')."""
    package, _, rest = module.partition('.')
    return package, rest.split('.')[0] or '__init__'


def _module_name(path):
    parts = path.with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


def _absolute(node, own_package):
    if not node.level:
        return node.module
    parts = own_package.split('.')
    parts = parts[:len(parts) - node.level + 1]
    return '.'.join(parts + ([node.module] if node.module else []))


def _is_module(root, name):
    path = root.joinpath(*name.split('.'))
    return path.is_dir() or path.with_suffix('.py').is_file()


def _imports_by_name(node):
    """Whether this is a call of import_module or __import__ with a literal name."""
    if not isinstance(node, ast.Call) or not node.args:
        return False
    called = getattr(node.func, 'attr', getattr(node.func, 'id', ''))
    name = getattr(node.args[0], 'value', None)
    return called in ('import_module', '__import__') and isinstance(name, str)
