"""Every detector of the installed MMDetection, small enough for a test: found, shrunk, tried."""
