"""Evaluation: the product in lockstep, open-loop prediction, statistics."""
