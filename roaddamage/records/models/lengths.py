"""Lengths that columns share."""

NAME = 200
"""Characters of a name."""
KIND = 40
"""Characters of a kind of road."""
