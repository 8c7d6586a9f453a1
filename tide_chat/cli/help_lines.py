"""`tide-chat help-lines`: people one can reach now. Needs no model and no network."""

from __future__ import annotations

import json

import click

__all__ = ["command"]


@click.command("help-lines")
@click.option("--country", metavar="CC", help="Two letters; without it, the setting or the locale.")
@click.option("--language", type=click.Choice(["en", "es"]), help="Language of the words around.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(country: str | None, language: str | None, as_json: bool) -> int:
    r"""Print crisis contacts for a country; none known gives the worldwide ones.

    \b
    Example:
      tide-chat help-lines --country GB
    """
    from tide_chat.safety.help_lines import HelpLines
    from tide_chat.settings import Settings

    settings = Settings.load()
    shown = country or settings.with_country()
    words = language or settings.language
    lines = HelpLines.shipped().for_country(shown)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "country": lines[0].country,
                    "lines": [line.model_dump(mode="json", exclude_none=True) for line in lines],
                },
                ensure_ascii=False,
            )
        )
        return 0
    for line in lines:
        audience = f" For {line.audience}." if line.audience else ""
        click.echo(f"{line.describe(words)}.{audience} Checked {line.checked}.")
    click.echo(
        "This program cannot call anyone. Other countries: tide-chat help-lines --country CC"
    )
    return 0
