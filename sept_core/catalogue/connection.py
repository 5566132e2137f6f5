"""Opening the catalogue: one process at a time; the error names the process that holds it.

DuckDB does not let a second process open a file that another one holds for writing; see `sharing`
for how processes take turns.
"""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from sept_core import errors
from sept_core.catalogue import migrations
from sept_core.compat import duckdb_messages

if TYPE_CHECKING:
    import pyarrow as pa

Connection = duckdb.DuckDBPyConnection

WAIT_SECONDS = 5.0


def connect(path: Path, wait: float = WAIT_SECONDS) -> Connection:
    """Open the catalogue for writing and migrate it, waiting `wait` seconds for its owner.

    Raises:
        BusyError: another process still holds it; the message names the pid.
        IntegrityError: the file is damaged or from a newer version.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            connection = duckdb.connect(str(path))
            break
        except duckdb.IOException as problem:
            holder = duckdb_messages.holder(problem)
            if holder is None:
                raise errors.IntegrityError(
                    f"{path} cannot be opened as a catalogue ({problem})."
                ) from None
            if time.monotonic() > deadline:
                raise errors.BusyError(
                    f"{path.parent} is in use by process {holder} (the app, or another sept "
                    "command); close it there and try again."
                ) from None
            time.sleep(0.1)
        except duckdb.Error as problem:
            raise errors.IntegrityError(f"{path} is damaged ({problem}).") from None
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: Connection) -> None:
    # Nothing is ever fetched from a network, and no SQL reaches files it was not given.
    connection.execute("SET autoinstall_known_extensions=false; SET enable_progress_bar=false")
    migrations.migrate(connection)


def read_everything(connection: Connection) -> None:
    """Read each row of each table to find blocks with a wrong checksum.

    Raises:
        IntegrityError: a checksum is wrong; the message names the table.
    """
    names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
    for (name,) in names:
        try:
            connection.execute(f'SELECT bit_xor(hash(t)) FROM "{name}" t').fetchall()
        except duckdb.Error as problem:
            raise errors.IntegrityError(f"Its table {name} is damaged ({problem}).") from None


_begun: ContextVar[Connection | None] = ContextVar("begun", default=None)


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit all statements inside together or not at all; a nested transaction joins the outer
    one.
    """
    if _begun.get() is connection:
        yield
        return
    with told_as_storage():
        connection.execute("BEGIN")
        token = _begun.set(connection)
        try:
            yield
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        else:
            connection.execute("COMMIT")
        finally:
            _begun.reset(token)


@contextlib.contextmanager
def told_as_storage() -> Iterator[None]:
    """Turn DuckDB's error about a full or read-only disk into a `StorageError`.

    Raises:
        StorageError: the catalogue could not be written; it is as it was before.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException) as problem:
        raise errors.StorageError(
            f"The catalogue cannot be written ({problem}); free space on its disk and try again. "
            "This step was rolled back; all earlier steps are saved."
        ) from problem


def table(
    connection: Connection, query: str, values: list[Any] | dict[str, Any] | None = None
) -> "pa.Table":
    """The rows of a query as an Arrow table."""
    return connection.sql(query, params=values or []).to_arrow_table()


def one(connection: Connection, query: str, values: Any = None) -> tuple[Any, ...]:
    """The row of a query that always gives exactly one.

    All is fetched: DuckDB keeps a connection busy while rows may be left.
    """
    (row,) = connection.execute(query, values).fetchall()
    return tuple(row)


def scalar(connection: Connection, query: str, values: Any = None) -> Any:
    """The single value of a query that always gives one row."""
    return one(connection, query, values)[0]


@contextlib.contextmanager
def registered(connection: Connection, name: str, rows: "pa.Table") -> Iterator[None]:
    """Let queries inside use an Arrow table by `name`, without copying it."""
    connection.register(name, rows)
    try:
        yield
    finally:
        connection.unregister(name)
