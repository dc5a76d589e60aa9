"""`inv` for a rack: Invoke's program with Coop's tasks."""

from __future__ import annotations

import invoke

from fabfile.cli.program import InSentences, Loader, RackProgram


class Executor(InSentences):
    """Invoke's, in sentences."""


program = RackProgram(name="Invoke", binary="inv[oke]", binary_names=["inv", "invoke"], version=invoke.__version__,
                      loader_class=Loader, executor_class=Executor)
