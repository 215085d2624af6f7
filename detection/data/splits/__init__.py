"""Splits of a data folder: what one is, several read as one, and those drawn at random."""
