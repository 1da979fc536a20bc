"""Figures of crossing from one world to another, each part on its own."""
