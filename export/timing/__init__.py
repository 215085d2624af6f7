"""How long an engine takes, stage by stage, and where a prediction of it was wrong."""
