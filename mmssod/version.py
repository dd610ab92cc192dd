"""The version of mmssod, its one home; setup.cfg reads it from here."""

__version__ = '0.1.0'
