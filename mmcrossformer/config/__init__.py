"""Reads, traverses and changes mmengine configs."""
