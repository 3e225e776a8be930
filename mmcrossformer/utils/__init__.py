"""Shared helpers: files, errors, weights, timing."""
