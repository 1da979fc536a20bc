"""How a scene looks: colours, background, light, and where the camera stands."""

from dataclasses import dataclass, replace
from typing import Optional, Tuple

import numpy as np
from sim.randomize import Conditions
from sim.sensors.view import View

Colour = Tuple[float, float, float]     # red, green, blue in [0, 1]


@dataclass(frozen=True)
class Look:
    """
    What decides how a scene looks, but not where anything in it is, except for the table.

    The background goes from ``sky`` at the picture's upper edge to ``horizon`` at the lower
    one.  ``boxes`` None leaves the objects the colours of their task.  ``ambient`` is the share
    of light from all sides, the rest comes from ``light`` (a direction, any length).  ``blur``
    [px] and ``grain`` (a share of white) are the standard deviations of lens and pixels.
    """

    sky: Colour = (0.80, 0.86, 0.92)
    horizon: Colour = (0.80, 0.86, 0.92)
    table: Colour = (0.62, 0.55, 0.47)
    arm: Colour = (0.92, 0.93, 0.95)
    joints: Colour = (0.25, 0.27, 0.30)
    boxes: Optional[Tuple[Colour, ...]] = None
    light: Tuple[float, float, float] = (0.6, 0.4, 1.6)
    ambient: float = 0.55
    view: View = View()
    blur: float = 0.0
    grain: float = 0.0
    table_height: float = 0.0       # [m]

    def background(self, height: int) -> np.ndarray:
        """Return the colour of each row [H, 1, 3] uint8."""
        share = np.linspace(0.0, 1.0, height)[:, None, None]
        rows = (1 - share) * np.array(self.sky) + share * np.array(self.horizon)
        return (255 * rows).round().astype(np.uint8)


def draw(rng: np.random.Generator, boxes: int = 0, base: Look = Look()) -> Look:
    """
    Return a random look for a scene of ``boxes`` objects.

    Background and table have any colour, all but the darkest; arm, joints and objects vary
    about their own, objects staying apart from the table; the light comes from above, from any
    side; the camera is moved by up to 6 cm along each axis, what it looks at by up to 2 cm, and
    its lens by 1 degree and a half at most.
    """
    table = _any(rng)
    view = base.view
    view = replace(
        view, eye=_shifted(rng, view.eye, 0.06), target=_shifted(rng, view.target, 0.02),
        field=view.field + rng.uniform(-1.0, 1.5))
    angle = rng.uniform(-np.pi, np.pi)
    return Look(
        sky=_any(rng), horizon=_any(rng), table=table, arm=_near(rng, base.arm),
        joints=_near(rng, base.joints),
        boxes=tuple(_apart(rng, table) for _ in range(boxes)),
        light=(np.cos(angle), np.sin(angle), rng.uniform(0.8, 2.0)),
        ambient=rng.uniform(0.4, 0.7), view=view)


def look_of(conditions: Conditions, seed: int, base: Look = Look()) -> Look:
    """Return how the episode ``seed`` looks under ``conditions``."""
    camera, rng = conditions.camera, np.random.default_rng((seed, 4))
    far = camera.colours

    def near(colour, other):
        return tuple((1 - far) * np.array(colour[:3]) + far * np.array(other))

    view, table = base.view, near(base.table, _any(rng))
    view = replace(view, eye=tuple(np.add(view.eye, camera.position)),
                   target=tuple(np.add(view.target, camera.target)),
                   field=view.field + camera.field)
    return replace(
        base, sky=near(base.sky, _any(rng)), horizon=near(base.horizon, _any(rng)), table=table,
        arm=near(base.arm, _any(rng)), joints=near(base.joints, _any(rng)),
        boxes=tuple(near(box.colour, _apart(rng, table)) for box in conditions.boxes),
        light=tuple(np.add(base.light, camera.light)), ambient=camera.ambient, view=view,
        blur=camera.blur, grain=camera.noise, table_height=conditions.scenery.table_height)


def _any(rng):
    return tuple(rng.uniform(0.15, 1.0, 3))


def _near(rng, colour):
    return tuple(np.clip(np.array(colour) + rng.uniform(-0.12, 0.12, 3), 0.0, 1.0))


def _apart(rng, table):
    """Return a saturated colour that is well away from the table's."""
    while True:
        colour = rng.uniform(0.05, 1.0, 3)
        if np.ptp(colour) > 0.4 and np.linalg.norm(colour - table) > 0.5:
            return tuple(colour)


def _shifted(rng, point, by):
    return tuple(np.array(point) + rng.uniform(-by, by, 3))
