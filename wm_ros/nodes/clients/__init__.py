"""Users of a running graph: who asks, plays episodes, watches."""
