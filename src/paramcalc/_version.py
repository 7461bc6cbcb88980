"""The version, read by the build and by the package, so that it is written once."""

__version__ = "0.1.0"
