import os

from setuptools import find_packages
from setuptools import setup

package_name = 'wm_ros'


def data_files_below(folder):
    """Return (destination, [files]) for each folder below this one, hidden files left out."""
    found = []
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(f for f in folders if not f.startswith(('.', '__pycache__')))
        kept = sorted(f for f in files if not f.startswith('.') and not f.endswith('.pyc'))
        if kept:
            found.append((os.path.join('share', package_name, root),
                          [os.path.join(root, f) for f in kept]))
    return found


def files_inside(package):
    """Return what a package holds beside Python (checkpoints, robot descriptions, meshes)."""
    return [os.path.relpath(path, package)
            for _, paths in data_files_below(package)
            for path in paths if not path.endswith('.py')]


setup(
    name=package_name,
    version='0.1.0',
    packages=find_packages(include=['wm_ros', 'wm_ros.*', 'sim', 'sim.*']),
    package_data={package: files_inside(package) for package in ('wm_ros', 'sim')},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/' + package_name]),
        ('share/' + package_name, ['package.xml']),
        *data_files_below('launch'),
        *data_files_below('config'),
    ],
    zip_safe=False,
    python_requires='>=3.10',
    # The ROS packages are not among these: on a robot they come from its own distribution.
    install_requires=[
        'casadi>=3.6',
        'gymnasium>=0.29',
        'imageio>=2.16',
        'imageio-ffmpeg>=0.4.5',
        'llvmlite>=0.40',
        'matplotlib>=3.5',
        'numba>=0.57',
        'numpy>=1.23',
        'pillow>=9.0',
        'pybullet>=3.2.5',
        'pyyaml>=5.4',
        'rich>=12.0',
        'safetensors>=0.4',
        'torch>=2.1,<3',
    ],
    extras_require={
        # ROS 2 itself from wheels, for machines without a ROS distribution.
        'ros': [
            'ros-rclpy',
            'ros-rmw-fastrtps-cpp',
            'ros-common-interfaces',
        ],
        # What `wm_ros train --log-dir` writes with.
        'train': [
            'tensorboard',
        ],
        # What `wm_ros tune` searches with.
        'tune': [
            'optuna>=5.0',
        ],
        # Another physics engine, for `engine:=mujoco`.
        'mujoco': [
            'mujoco>=3.3.4',
        ],
        # What `wm_ros evaluate --ray` joins, or starts.
        'ray': [
            'ray[client]>=2.44',
        ],
        # What benches compare with.
        'bench': [
            'pytorch-mppi',
            'stable-baselines3',
            'stable-worldmodel',
            'tensorboard',
        ],
        # flake8's plugins are those that ament_flake8 runs with.
        'test': [
            'pytest',
            'pytest-timeout',
            'pytest-xdist',
            'pytorch-mppi',
            'flake8>=6',
            'flake8-blind-except',
            'flake8-builtins',
            'flake8-class-newline',
            'flake8-comprehensions',
            'flake8-deprecated',
            'flake8-docstrings',
            'flake8-import-order',
            'flake8-quotes',
            'mujoco>=3.3.4',
            'optuna>=5.0',
            'pydocstyle>=6',
            'ray[client]>=2.44',
            'setuptools',
            'tensorboard',
        ],
    },
    maintainer='The wm_ros maintainers',
    maintainer_email='wm-ros@example.org',
    description='Latent world models and model predictive control for robot arms on ROS 2.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'wm_ros = wm_ros.cli:main',
            'robot_node = wm_ros.nodes.start:robot_node',
            'sensor_node = wm_ros.nodes.start:sensor_node',
            'world_model_node = wm_ros.nodes.start:world_model_node',
            'mpc_node = wm_ros.nodes.start:mpc_node',
            'safety_node = wm_ros.nodes.start:safety_node',
            'lifecycle_manager = wm_ros.nodes.start:lifecycle_manager',
            'graph_node = wm_ros.nodes.start:graph_node',
        ],
    },
)
