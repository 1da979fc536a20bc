"""Nonlinear programming: the learned dynamics as constraints, joints and boxes as hard ones."""
