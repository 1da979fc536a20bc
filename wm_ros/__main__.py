"""``python -m wm_ros`` is the command ``wm_ros``."""

import sys

from wm_ros.cli import main

if __name__ == '__main__':
    sys.exit(main())
