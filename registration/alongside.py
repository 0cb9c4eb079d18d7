"""What apps above read along with a signed-in person, in the very statement that reads the person.

Each step of a booking asks who it is, which doses there were and what is booked already; the answers to the last two
belong to apps above, so they register how they are read. Read once, at the beginning of a request: good for what a page
says, never for what a statement decides.
"""

_expressions: dict[str, str] = {}


def register(name: str, expression: str) -> None:
    """Read `expression` along as `Citizen.alongside[name]`; called from AppConfig.ready().

    SQL over a row named `citizen` that gives JSON, and never null: what is not there has not been read.
    """
    _expressions[name] = expression


def names() -> tuple[str, ...]:
    """What is read, in the order of `columns`."""
    return tuple(_expressions)


def columns() -> str:
    """The expressions as further columns of a SELECT."""
    return "".join(f", {expression}" for expression in _expressions.values())
