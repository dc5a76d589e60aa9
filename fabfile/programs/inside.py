"""A JupyterHub's SQLite database: inspect, copy, restore: `inside.py look | copy | put NAME`.

It runs where the file is: in the hub's pod, or in one of the same image that mounts the same claim. `look` prints JSON,
`copy` the database itself, by SQLite's own backup. `put` takes NAME, a file beside the database, or "-", its
standard input, and the hub has to be stopped: what is there is kept under another name, and is replaced at once or
not at all.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

FILE = "jupyterhub.sqlite"
MIGRATED = ".migrated-"  # what `put` found is kept under this name
KEEP = 3  # of those


def connect(path: str) -> sqlite3.Connection:
    """Read-only; but SQLite itself first ends what a hub that was killed has begun, as the next hub would."""
    def opened(mode: str) -> sqlite3.Connection:
        database = sqlite3.connect(f"file:{path}?mode={mode}", uri=True)
        try:
            database.execute("select count(*) from sqlite_master")
        except sqlite3.OperationalError:
            database.close()
            raise
        return database

    try:
        return opened("ro")
    except sqlite3.OperationalError:
        return opened("rw")


def asked(database: sqlite3.Connection, query: str) -> list[Any]:
    """Rows; none where the table is not there yet."""
    try:
        return database.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error) or "no such column" in str(error):
            return []
        raise


def description(path: str) -> dict[str, Any]:
    """Of one database: `schema` (alembic's revision, "" when it has none), `columns` by table, `users`, `servers`
    (of users who have one), `tokens` (number and user; "" for a service's), `taken` (Unix time)."""
    database = connect(path)
    try:
        version = asked(database, "select version_num from alembic_version")
        tables = [name for name, in asked(database, "select name from sqlite_master where type = 'table'")]
        return {
            "schema": version[0][0] if version else "",
            "columns": {name: [row[1] for row in asked(database, f'pragma table_info("{name}")')] for name in tables},
            "users": [name for name, in asked(database, "select name from users order by name")],
            "servers": sorted({name for name, in asked(
                database, "select users.name from spawners join users on users.id = spawners.user_id "
                "where spawners.server_id is not null")}),
            "tokens": asked(database, "select api_tokens.id, coalesce(users.name, '') from api_tokens "
                            "left join users on users.id = api_tokens.user_id order by api_tokens.id"),
            "taken": os.path.getmtime(path),
        }
    finally:
        database.close()


def is_sound(path: str) -> bool:
    """SQLite's own check of the whole file."""
    try:
        database = connect(path)
        try:
            return database.execute("pragma integrity_check").fetchall() == [("ok",)]
        finally:
            database.close()
    except sqlite3.DatabaseError:
        return False


def known() -> list[str]:
    """The schemas from which the JupyterHub of this image can go on."""
    import jupyterhub  # type: ignore[import-not-found]  # of the hub's image
    from alembic.script import ScriptDirectory  # type: ignore[import-not-found]  # of the hub's image

    folder = os.path.join(os.path.dirname(jupyterhub.__file__), "alembic")
    return [one.revision for one in ScriptDirectory(folder).walk_revisions()]


def look() -> None:
    """The database, and the copies that JupyterHub itself has made beside it, each before it migrated it."""
    beside = {}
    for path in glob.glob(f"{FILE}.*"):
        if MIGRATED not in path and not path.endswith(("-journal", "-wal", "-shm", ".new")):
            try:
                beside[path] = description(path)
            except sqlite3.DatabaseError:
                continue  # one that is broken is no copy
    here = description(FILE) if os.path.exists(FILE) and os.path.getsize(FILE) else None
    print(json.dumps({"known": known(), "here": here, "beside": beside}))


def copy() -> None:
    with tempfile.NamedTemporaryFile() as file:
        source, target = connect(FILE), sqlite3.connect(file.name)
        source.backup(target)
        source.close()
        target.close()
        with open(file.name, "rb") as copied:
            shutil.copyfileobj(copied, sys.stdout.buffer)


def put(name: str) -> None:
    """Prints under which name the database that was there is kept."""
    new = f"{FILE}.new"
    with open(new, "wb") as file:
        if name == "-":
            shutil.copyfileobj(sys.stdin.buffer, file)
        else:
            with open(name, "rb") as copied:
                shutil.copyfileobj(copied, file)
        file.flush()
        os.fsync(file.fileno())
    if not is_sound(new) or not description(new)["users"]:
        os.unlink(new)
        sys.exit("what was to be put back is not a sound database of a hub")
    former = f"{FILE}{MIGRATED}{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
    if os.path.exists(FILE):
        os.link(FILE, former)
        for more in ("-journal", "-wal", "-shm"):  # what SQLite could not end would be written into the new one
            if os.path.exists(FILE + more):
                os.rename(FILE + more, former + more)
    os.replace(new, FILE)
    folder = os.open(".", os.O_RDONLY)
    os.fsync(folder)
    for old in sorted(glob.glob(f"{FILE}{MIGRATED}*"))[:-KEEP]:
        os.unlink(old)
    print(former)


if __name__ == "__main__":
    os.chdir(os.environ.get("COOP_DATABASE_FOLDER", "/srv/jupyterhub"))
    verbs: dict[str, Callable[..., None]] = {"look": look, "copy": copy, "put": put}
    verbs[sys.argv[1]](*sys.argv[2:])
