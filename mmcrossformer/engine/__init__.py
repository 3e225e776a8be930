"""Training and testing: hooks, optimizers, strategies, runners, processes, and checks before a job starts."""
