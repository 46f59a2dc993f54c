"""Build script; all metadata stands in pyproject.toml. The native module of cpp_ext will be declared here."""

from setuptools import setup

setup()
