"""``consentry token``: an access token of the local issuer."""

import time
from typing import Annotated

import typer

from ledger.cli.common import out, settings
from ledger.domain.identifiers import parse_id
from ledger.errors import InvalidInput
from ledger.identity.principal import Role, Scope

FIRST_DAY = 24 * 60


def token(
    role: Annotated[Role, typer.Option(help="What the caller is.")],
    sub: Annotated[str, typer.Option(help="The caller's id: 0x and 64 hex digits.")],
    scope: Annotated[list[str] | None, typer.Option(help="Allow this alone; repeat for more.")] = None,
    minutes: Annotated[int, typer.Option(help="How long it lasts, in minutes.", min=1)] = FIRST_DAY,
    link: Annotated[bool, typer.Option("--link", help="Print a sign-in link for the pages instead.")] = False,
) -> None:
    """Print an access token of the local issuer (for this machine; other set-ups have their own issuer)."""
    from ledger.identity.door import local_issuer

    chosen = settings()
    known = {one.value: one for one in Scope}
    words = [word for given in scope or [] for word in given.split()]
    unknown = sorted(set(words) - set(known))
    if unknown:
        raise InvalidInput(f"there is no scope {', '.join(unknown)}; there are {', '.join(known)}")
    made = local_issuer(chosen).issue(
        role,
        parse_id(sub, what="--sub"),
        now=int(time.time()),  # noqa: TID251 - a command reads the clock
        seconds=60 * minutes,
        scopes=[known[word] for word in words] or None,
    )
    out.print(f"{chosen.url}/signin?token={made}" if link else made, markup=False)
