"""What `inv` and `fab` have in common: Coop's tasks and the site's, from any folder; and usage errors as sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from signal import SIG_DFL, SIGPIPE, signal
from typing import Any

from invoke import Executor, Exit, FilesystemLoader, ParseError, Program, Task

import fabfile
from fabfile.cli import flags, words
from fabfile.folder import find_rack_folder, upward


class Loader(FilesystemLoader):
    """Invoke's, for a tasks.py or fabfile.py of the site's own. Such a fabfile takes the name of Coop's package from
    nobody."""

    def find(self, name: str) -> ModuleSpec | None:
        spec = super().find(name)
        if spec is None or name != fabfile.__name__:
            return spec
        return spec_from_file_location("site_fabfile", spec.origin,
                                       submodule_search_locations=spec.submodule_search_locations)


class RackProgram(Program):
    """Invoke's program with Coop's tasks. In front of Fabric's program, too."""

    command = "inv"

    def parse_core(self, argv: list[str] | None) -> None:
        with self._usage():
            super().parse_core(argv)
        self._refuse(flags.refusal(self.args.values()))

    def load_collection(self) -> None:
        """Coop's tasks, with those of RACK/site/; a tasks.py or fabfile.py of the site's own where that is asked for,
        or nearer than the rack."""
        asked_for = self.args.collection.value or self.args["search-root"].value or self.config.tasks.search_root
        if asked_for or _has_its_own(self.config.tasks.collection_name):
            try:
                super().load_collection()
            except Exit as error:
                raise Exit(error.message, code=2) from None
            return
        folder = find_rack_folder()
        if folder is not None:
            self.config.set_project_location(str(folder))
            self.config.load_project()
            if (folder / "site").is_dir():
                from fabfile.cli.site_files import add_tasks
                add_tasks(folder, fabfile.namespace)
        self.collection = fabfile.namespace

    def parse_tasks(self) -> None:
        tasks = {name: self.collection[name] for name in self.collection.task_names}
        tasks |= {alias: self.collection[alias] for also in self.collection.task_names.values() for alias in also}
        if asked := words.help_wanted(self.core.unparsed, tasks):
            self.args.help.value = asked
            self.core.unparsed = []
        self.core.unparsed = words.with_flags(self.core.unparsed, tasks)
        with self._usage():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        usual = signal(SIGPIPE, SIG_DFL)  # a list or a help text whose reader has enough ends without a traceback
        with self._usage():
            super().parse_cleanup()
        signal(SIGPIPE, usual)  # a task goes on without a reader

    def update_config(self, merge: bool = True) -> None:
        self._refuse(flags.refusal(self.args.values()))  # a flag may also stand behind a task
        for context in self.tasks:
            name = str(context.name)
            if is_coops(self.collection[name]):
                self._refuse(flags.refusal_by_task(self.args.values(), name, context.args))
        super().update_config()

    def execute(self) -> None:
        named = self.config.tasks.executor_class
        if named not in (None, f"{self.executor_class.__module__}.{self.executor_class.__name__}"):
            self._refuse(f"tasks.executor_class in the settings is {named}, which does not go by hosts.yaml: take it out")
        if self.core.remainder and (self.command != "fab" or self.tasks):
            self._refuse("what stands behind -- is a command for machines, and no task goes with it: fab -H NAME -- COMMAND")
        self._settings_for_connections()
        self.executor_class(self.collection, self.config, self.core).execute(*self.tasks)

    def print_version(self) -> None:
        from importlib.metadata import version

        super().print_version()
        print(f"Coop {version('coop-rack')}")

    def _settings_for_connections(self) -> None:
        """-e, -w and their like hold on connections that the site's tasks ask for, too."""
        if site := sys.modules.get("fabfile.site"):
            run = {key: self.config.run[key] for key in ("dry", "echo", "hide", "pty", "warn")}
            site.rack.settings = {"run": run, "timeouts": {"command": self.config.timeouts.command}}

    @staticmethod
    def _refuse(sentence: str) -> None:
        if sentence:
            raise Exit(sentence, code=2)

    @contextmanager
    def _usage(self) -> Iterator[None]:
        try:
            yield
        except ParseError as error:
            raise Exit(words.usage(error, self.command, getattr(self, "collection", None)), code=2) from None


class InSentences(Executor):
    """Invoke's executor: whatever a task raises, also one of the site's own, is told as Coop's tasks tell it."""

    def execute(self, *tasks: Any) -> Any:
        try:
            return super().execute(*tasks)
        except Exception as error:
            from fabfile.engine.fault import ending
            raise ending(error) from None


def is_coops(task: Task[Any]) -> bool:
    """Whether a task is one of Coop's own."""
    return task.body.__module__.startswith("fabfile.tasks.")


def _has_its_own(name: str) -> bool:
    """Whether a tasks.py or fabfile.py lies in this folder or above it, no farther up than a rack."""
    for folder in upward():
        if (folder / "coop_guard.py").exists():  # a clone: its fabfile/ is this package
            return False
        if (folder / f"{name}.py").exists() or (folder / name / "__init__.py").exists():
            return True
        if (folder / "hosts.yaml").exists():
            return False
    return False
