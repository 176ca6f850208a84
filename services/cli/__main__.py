"""Assembles the commands; a new one is a module beside this and a line here."""

import typer

from services.cli import clients, inboxes, projections, seed, story
from services.cli.databases import ENV_FILE

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(inboxes.status)
app.add_typer(inboxes.waiting, name="waiting")
app.command()(inboxes.retry)
app.command()(inboxes.skip)
app.command()(projections.verify)
app.command("rebuild")(projections.rebuild_command)
app.command()(projections.replay)
app.command()(story.story)
app.command()(seed.seed)
app.add_typer(clients.app, name="client")


@app.callback()
def waypost(env_file: ENV_FILE = None) -> None:
    """Look into a running Waypost, and help an event that stands still.

    Databases are found in WAYPOST_<SERVICE>_DSN or in the file that `make up` writes.
    """


if __name__ == "__main__":
    app()
