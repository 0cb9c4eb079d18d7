"""Statements that a connection plans once and then only executes; for the few that a rush is made of.

PostgreSQL plans a long statement anew each time it is sent; planning the booking statement costs nearly as much as
running it. A pooler that hands out connections per transaction must allow protocol or SQL prepared statements.
"""

import re
from typing import Any

from django.db import connection

PARAMETER = re.compile(r"%\((\w+)\)s")


class Prepared:
    """A statement with named parameters (`%(name)s`), prepared on each connection when it is first used there."""

    def __init__(self, name: str, text: str) -> None:
        """`name` is unique in the portal; every parameter's type must follow from its place in the statement."""
        self.name, self.sql = name, text
        names = list(dict.fromkeys(PARAMETER.findall(text)))
        numbers = {parameter: f"${number}" for number, parameter in enumerate(names, 1)}
        self._prepare = f"PREPARE {name} AS {PARAMETER.sub(lambda found: numbers[found[1]], text)}"
        self._execute = f"EXECUTE {name} ({', '.join(f'%({parameter})s' for parameter in names)})"

    def rows(self, **values: Any) -> list[tuple[Any, ...]]:
        """Execute on this thread's connection and return the rows."""
        with connection.cursor() as cursor:
            cursor.execute(self.ready_on(connection), values)
            return cursor.fetchall()

    def ready_on(self, link: Any) -> str:
        """The text to execute on `link`, which has the statement ready from now on; one round trip at first."""
        raw, names = getattr(link, "victori_prepared", (None, set[str]()))
        if raw is None or raw is not link.connection:
            link.ensure_connection()
            names = set[str]()
            link.victori_prepared = (link.connection, names)
        if self.name not in names:
            with link.cursor() as cursor:
                cursor.execute(self._prepare)
            names.add(self.name)
        return self._execute
