"""What keeps the arm still until somebody frees it."""

from typing import Optional, Tuple

from wm_ros.types import Code


class Stops:
    """An emergency stop, and a latch: ``latched`` says why, '' when free."""

    def __init__(self):
        self.free()

    def free(self):
        """Let the arm go on."""
        self.emergency, self.latched = False, ''

    def verdict(self) -> Optional[Tuple[Code, str]]:
        """Return code and words of what is in force, None when nothing is."""
        if self.emergency:
            return Code.EMERGENCY_STOP, 'stopped until reset'
        return (Code.LATCHED, f'{self.latched}; reset to go on') if self.latched else None
