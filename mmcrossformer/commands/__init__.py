"""The commands: a module or folder each, with its arguments and what it prints. None imports another."""
