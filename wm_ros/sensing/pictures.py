"""Images at the size that models were trained with."""

import numpy as np
from PIL import Image


def squared(image: np.ndarray, size: int) -> np.ndarray:
    """Return the middle of ``image`` [H, W, 3] uint8 as a square [size, size, 3]."""
    height, width = image.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    middle = image[top:top + edge, left:left + edge]
    if edge == size:
        return middle
    return np.asarray(Image.fromarray(middle).resize((size, size), Image.BOX))
