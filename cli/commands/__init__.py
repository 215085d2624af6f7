"""The commands, in files by subject; ``cli.app`` says under which name each one runs."""
