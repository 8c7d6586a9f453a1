"""`tide-chat setup`: fetch model and encoder, export the encoder, build the index; once."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("setup")
@click.option("--small", is_flag=True, help="Take the smaller default model.")
@click.option("--model", help="Id of the model to fetch in place of the default.")
@click.option("--encoder-only", is_flag=True, help="Leave the language model out.")
def command(small: bool, model: str | None, encoder_only: bool) -> int:
    r"""Put in place what the chat needs; does nothing where all is there.

    \b
    Example:
      tide-chat setup --small
    """
    from tide_chat.cli.models import pull_with_progress
    from tide_chat.errors import EncoderError, MissingPrerequisite
    from tide_chat.paths import Paths
    from tide_chat.retrieval.opening import open_encoder, open_references
    from tide_chat.shelf.choose import default_model
    from tide_chat.shelf.manifests import ENCODER
    from tide_chat.shelf.shelf import Shelf

    paths = Paths.default()
    shelf = Shelf(paths)
    wanted = [] if encoder_only else [model or default_model(small=small)]
    for name in [ENCODER, *wanted]:
        if not shelf.has(name):
            pull_with_progress(shelf, name)
    folder = shelf.encoder_folder()
    try:
        encoder = open_encoder(paths)
    except (MissingPrerequisite, EncoderError):
        from tide_chat.encoder.export import export_onnx

        click.echo("Preparing the sentence encoder; this takes about half a minute.", err=True)
        export_onnx(folder)
        encoder = open_encoder(paths)
    open_references(paths, encoder)
    return 0
