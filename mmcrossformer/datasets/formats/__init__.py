"""Readers of the formats of users' own data; independent of host libraries and configs."""
