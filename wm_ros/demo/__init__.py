"""The demo: the live graph plays episodes, and what it imagined is shown beside what came."""
