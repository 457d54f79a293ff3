"""`tonmeister doctor`: versions, codecs, models, folders; what is missing and how to get it."""

from __future__ import annotations

import click

from mastering.cli.app import Command
from mastering.cli.documents import write
from mastering.cli.tables import align
from mastering.report.wording import clean

__all__ = ["command"]

_ENVIRONMENT_CODE = 3


@click.command("doctor", cls=Command)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document to standard output.")
@click.pass_context
def command(ctx: click.Context, /, as_json: bool) -> None:
    """Check that everything mastering needs is there; exits with 3 if it is not.

    Shows versions, which formats can be read and written, models, folders and cores.
    """
    from mastering.cli.diagnosis import examine

    findings = examine()
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        write({"schema": 1, "healthy": not broken, "findings": findings})
    else:
        for group in dict.fromkeys(finding.group for finding in findings):
            click.echo(group.capitalize())
            rows = [
                (f"  {f.name}", "" if f.state == "ok" else f.state.upper(), clean(f.found))
                for f in findings
                if f.group == group
            ]
            click.echo(align(rows))
        wrong = [finding for finding in findings if finding.state != "ok"]
        click.echo("What to do" if wrong else "Nothing is missing.")
        for finding in wrong:
            click.echo(f"  {finding.name}: {clean(finding.hint)}")
    ctx.exit(_ENVIRONMENT_CODE if broken else 0)
