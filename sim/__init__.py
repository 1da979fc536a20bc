"""Simulated arms, tasks and sensors: the only place that knows physics engines."""
