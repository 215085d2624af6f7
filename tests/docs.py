"""Commands that a document shows: found, and taken apart as the command line would."""

import re
import shlex

import typer.main

from cli.app import make_app


def commands_of(text: str) -> list[list[str]]:
    """The command lines in fenced blocks that begin with ``detfit``, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    parsed = (shlex.split(line, comments=True) for line in lines)
    return [words[1:] for words in parsed if words[:1] == ["detfit"]]


def check_command(words: list[str]) -> None:
    """Check that command and options exist and take such values."""
    command = typer.main.get_command(make_app())
    rest = list(words)
    while hasattr(command, "commands"):
        assert rest[0] in command.commands
        command = command.commands[rest.pop(0)]
    assert command.make_context("detfit", rest).args == []
