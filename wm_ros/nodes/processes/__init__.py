"""The processes that nodes run in: how they are started, told apart, and ended."""
