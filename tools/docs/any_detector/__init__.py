"""Finds every detector of the installed MMDetection, makes it small enough for a test, and tries it."""
