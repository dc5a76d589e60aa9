"""Tasks of the site's own: each RACK/site/NAME.py is one more collection, beside Coop's."""

from __future__ import annotations

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb

from invoke import Collection, Exit

from fabfile.cli.words import arguments
from fabfile.secret import mask


def add_tasks(folder: Path, namespace: Collection) -> None:
    """Adds the tasks of RACK/site/*.py to Coop's. A file that begins with _ is for the others to import.

    What is wrong with one of them ends the program with code 2: file, line and cause.
    """
    site = folder / "site"
    sys.path.append(str(site))
    for file in sorted(site.glob("[!_.]*.py")):
        shown = f"site/{file.name}"
        name = file.stem.replace("_", "-")
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
            raise _wrong(f"{shown}: its name becomes the first word of its tasks: small letters, digits and _ alone")
        if name in namespace.collections:
            raise _wrong(f"{shown}: Coop has a collection {name} of its own; give the file another name")
        namespace.add_collection(_collection(file, shown, name))


def _collection(file: Path, shown: str, name: str) -> Collection:
    try:
        spec = spec_from_file_location(f"site_{file.stem}", file)
        assert spec is not None and spec.loader is not None  # it ends in .py
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        collection = Collection.from_module(module, name=name)
    except SyntaxError as error:
        where = f"site/{Path(error.filename).name}" if error.filename else shown
        raise _wrong(f"{where}:{error.lineno}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"{shown}:{lines[-1]}" if lines else shown
        raise _wrong(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from None
    for task in collection.tasks.values():
        try:
            arguments(task)
        except Exception as error:
            raise _wrong(f"{shown}:{task.body.__code__.co_firstlineno}: {task.name}: {error}") from None
    if not collection.task_names:
        raise _wrong(f"{shown}: it has no task: `from fabfile.site import task`, and @task before a function; a file that "
                     "others import begins with _")
    return collection


def _wrong(sentence: str) -> Exit:
    return Exit(mask(sentence), code=2)
