"""Training of detectors and supernets: settings, the loop, and the whole way to weights."""
