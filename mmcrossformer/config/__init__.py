"""Configs of mmengine: read, walked through and changed."""
