"""Checking a data folder before a training: what is in it, and what would stop it."""
