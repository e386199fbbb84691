"""Lengths that columns share."""

NAME = 200
"""Characters of a name."""
