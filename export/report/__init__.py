"""The report of a bundle, a search run or a latency table: one HTML file."""
