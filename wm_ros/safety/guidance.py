"""Whether the command comes along with an arm that somebody moves."""

#: [rad] by which an arm at rest must be moved for the command to come along.
GUIDED_ABOVE = 0.02
_LET_GO = 0.1           # of that, within which the command is where the arm is


class Guidance:
    """Whether the arm is ``guided``: moved by somebody, and the command follows it."""

    def __init__(self):
        self.guided = False

    def judge(self, error: float, may: bool) -> bool:
        """Return whether an arm that is ``error`` [rad] off is guided, where it ``may`` be."""
        # A threshold, because a command that always followed would sink with the arm.
        self.guided = may and error > GUIDED_ABOVE * (_LET_GO if self.guided else 1.0)
        return self.guided
