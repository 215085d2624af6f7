"""The verdict on an engine: pure functions of what was compared and measured."""
