"""The command `facesdk`: what it can do, and how it fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from facesdk import __version__
from facesdk.commands import analyze, demo, doctor, enroll, generate, identity, packs, serve, swap, verify, webcam
from facesdk.errors import FacesdkError
from facesdk.settings import allow_unsigned_packs

DEBUG = "--debug"
UNSIGNED = "--allow-unsigned"

app = typer.Typer(
    name="facesdk",
    help="Swap a face, make a face, ask about a face: on your own machine. Start with: facesdk demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("swap")(swap.swap)
app.command("webcam")(webcam.webcam)
app.command("enroll")(enroll.enroll)
app.add_typer(identity.app, name="identity")
app.command("generate")(generate.generate)
app.command("analyze")(analyze.analyze)
app.command("serve")(serve.serve)
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.add_typer(packs.app, name="packs")
app.command("demo")(demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"facesdk {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error. May stand behind a command, too.")
    ] = False,
    allow_unsigned: Annotated[
        bool,
        typer.Option(UNSIGNED, help="Open packs that nobody signed, after a trial. May stand behind a command, too."),
    ] = False,
) -> None:
    """Swap a face, make a face, ask about a face: on your own machine."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits.

    Exit codes: 0 done, 1 unforeseen, 2 input, 3 a file, 4 pack or backend, 5 consent, content or provenance.

    Args:
        arguments: by default those of the process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in given
    if UNSIGNED in given:
        allow_unsigned_packs()
    try:
        app(args=[argument for argument in given if argument not in (DEBUG, UNSIGNED)])
    except FacesdkError as error:
        if debug:
            raise
        print(f"facesdk: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except Exception as error:
        if debug:
            raise
        text = f"{type(error).__name__}: {error}"
        print(
            f"facesdk: this should not have happened ({text}).\n  Run it again with {DEBUG} and report it.",
            file=sys.stderr,
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
