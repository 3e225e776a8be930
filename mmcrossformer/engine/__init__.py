"""What trains and tests: hooks, optimizers, strategies, runners and processes, and the check of a job."""
