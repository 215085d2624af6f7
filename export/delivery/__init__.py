"""From trained weights to a bundle with a verdict."""
