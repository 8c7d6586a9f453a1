"""`tide-chat referrals`: how often help lines were named on this machine, by year."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("referrals")
@click.option("--erase", is_flag=True, help="Forget the counts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(erase: bool, as_json: bool) -> int:
    r"""Print how often this program named a help line: one number a year, nothing else.

    The count stays on this machine. Switch it off with count_referrals = false in the settings.

    \b
    Example:
      tide-chat referrals
    """
    from tide_chat.chat.referrals import Referrals
    from tide_chat.errors import BadInput
    from tide_chat.paths import Paths

    referrals = Referrals(Paths.default().referrals_file)
    if erase:
        try:
            referrals.erase()
        except OSError as error:
            raise BadInput(f"The counts cannot be erased: {error.strerror}.") from error
    counts = referrals.by_year()
    if as_json:
        click.echo(json.dumps({str(year): count for year, count in sorted(counts.items())}))
        return 0
    for year, count in sorted(counts.items()):
        click.echo(f"{year}: help lines were named {count} {'time' if count == 1 else 'times'}.")
    if not counts:
        click.echo("Nothing is counted.")
    return 0
