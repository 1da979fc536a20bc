"""Figures of planners: how good, and how fast, each part on its own."""
