"""The figures of the full world model: tokens, dreams, doubt, the camera."""
