"""The command line: a thin layer that turns arguments into calls and errors into sentences.

Each command lives in a module of its own and is imported only when it is called, so that
`tide-chat help-lines` answers at once. Exit codes: 0 ok, 1 finding or failure, 2 usage or missing
prerequisite, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module

import click

from tide_chat import __version__
from tide_chat.errors import TideError, UserError

__all__ = ["cli", "main"]

_COMMANDS = {
    "ask": "tide_chat.cli.ask",
    "chat": "tide_chat.cli.chat",
    "doctor": "tide_chat.cli.doctor",
    "guard": "tide_chat.cli.guard",
    "help-lines": "tide_chat.cli.help_lines",
    "models": "tide_chat.cli.models",
    "references": "tide_chat.cli.references",
    "referrals": "tide_chat.cli.referrals",
    "score": "tide_chat.cli.score",
    "screen": "tide_chat.cli.screen",
    "setup": "tide_chat.cli.setup",
}
"""Command to module; the module's `command` is the click command."""


class _Lazy(click.Group):
    """A group that opens the chat when no command is named and imports commands on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[name]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if not args or (args[0].startswith("-") and args[0] not in own):
            args = ["chat", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tide-chat")
def cli() -> None:
    """A private, offline companion for people living with post-traumatic stress.

    `tide-chat` alone opens the chat. In an emergency call your local emergency number;
    `tide-chat help-lines` prints people you can reach now.
    """


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code; never prints a traceback or a person's words."""
    code = 0
    try:
        result = cli.main(args=argv, prog_name="tide-chat", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        code = 2
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone; what is left to flush must not raise once more.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except UserError as error:
        click.echo(str(error), err=True)
        code = 2
    except TideError as error:
        click.echo(str(error), err=True)
        code = 1
    except Exception as error:
        # The edge of the program: a traceback could carry what somebody typed.
        click.echo(
            f"Something unexpected went wrong ({type(error).__name__}); nothing was saved. "
            "`tide-chat help-lines` works without any model.",
            err=True,
        )
        code = 1
    sys.exit(code)
