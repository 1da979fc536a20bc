"""Videos that browsers play."""

from pathlib import Path
from typing import Sequence

import imageio_ffmpeg
import numpy as np
from wm_ros.files import whole


def write_mp4(path: Path, frames: Sequence[np.ndarray], rate: float, crf: int = 20):
    """
    Write ``frames`` [H, W, 3] uint8 at ``rate`` [Hz] as H.264, whole or not at all.

    ``crf`` is x264's rate factor: 20 is hard to tell from the frames, 6 more halve the size.
    """
    height, width, _ = frames[0].shape
    with whole(path) as partial:
        writer = imageio_ffmpeg.write_frames(
            str(partial), (width, height), fps=rate, codec='libx264', pix_fmt_in='rgb24',
            pix_fmt_out='yuv420p', quality=None, bitrate=None, macro_block_size=2,
            output_params=['-f', 'mp4', '-crf', str(crf), '-preset', 'medium', '-movflags',
                           '+faststart'])
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
