"""The commands: one module or folder each, with its arguments and output. No command imports another."""
