"""Learning: collect, replay, losses, training."""
