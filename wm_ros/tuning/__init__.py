"""Tuning of the planner: the best behaviour whose plans are in time on this computer."""
