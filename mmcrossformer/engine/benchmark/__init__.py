"""Backbones side by side: what they are, how they are measured, and how the figures are shown."""
