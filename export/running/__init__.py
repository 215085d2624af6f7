"""A bundle's engine, and its torch model, run on images."""
