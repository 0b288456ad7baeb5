"""Ratios of our speed and size against a floor measured in the same run."""
