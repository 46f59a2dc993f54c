"""The version of the SDK, apart so that every room may say it."""

__version__ = "0.1.0"
