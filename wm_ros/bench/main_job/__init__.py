"""The figures of the main job: reach and push, live and in simulation."""
