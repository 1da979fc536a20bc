"""Files that are written whole or not at all."""

from contextlib import contextmanager
import os
from pathlib import Path
from typing import Iterator


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """
    Yield where to write; it takes the place of ``path`` when the block has ended well.

    The path that is yielded ends in ``.partial``: nobody takes it for a finished file.
    """
    partial = path.with_name(f'{path.name}.partial')
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
