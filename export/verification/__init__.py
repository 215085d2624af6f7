"""Verify an engine, and certify it where it is."""
