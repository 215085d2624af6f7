"""Lower precisions: calibration, the search for what has to stay in fp32, the ladder of verdicts.

Nothing heavy is loaded before it is used.
"""
