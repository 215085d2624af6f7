"""A bundle's folder: its files, its manifest and hashes, where its engine may run."""
