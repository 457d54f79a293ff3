"""The `tonmeister` command: composition root, one module per command.

`app` is the group and what happens when something goes wrong; `master`, `apply`, `measure`,
`compare`, `presets`, `demo`, `doctor` and `completion` are commands, imported when they are
asked for. Shared: `options` (options and how they merge into a job), `inputs` and `outputs`
(which files), `runner` and `pool` (many inputs, worker processes), `progress`, `documents`
(JSON), `tables`, `failures` (exit codes), `signals`.

Machine output goes to standard output, everything else to standard error.
"""

from __future__ import annotations

import signal

__all__ = ["main"]


def main() -> None:
    """Run the command line with `sys.argv`; exits the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until `app` takes over: Ctrl-C in the middle of imports ends the process without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from mastering.cli.app import app

    app.main(prog_name="tonmeister")
