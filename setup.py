"""Nothing of the package is stated here, but in pyproject.toml: the file is for tools that ask for it by name."""

from setuptools import setup

setup()
