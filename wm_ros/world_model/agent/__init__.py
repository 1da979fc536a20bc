"""What the robot runs with: explicit states, an ensemble for what they do, and heads."""
