"""What is written down about an engine: plain values, derived from nothing above them."""
