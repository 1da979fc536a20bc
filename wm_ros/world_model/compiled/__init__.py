"""Networks as compiled loops and matrix products in memory of their own, on a CPU."""
