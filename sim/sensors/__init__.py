"""What simulated sensors make of the truth: frames of a camera, and measurements."""
