"""The demo: profile, search, train, export, verify and report, on this machine."""
