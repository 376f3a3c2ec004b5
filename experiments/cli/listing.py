"""lossmith list: the searches of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .commands import Given, command
from .options import Json, StoreUrl, Workdir
from .output import console, print_json

if TYPE_CHECKING:
    from ..results.catalogue import Listed


def list_searches(*, workdir: Workdir = None, store: StoreUrl = None, as_json: Json = False) -> None:
    """List every search: its status, its trials and its answer."""
    from ..results.catalogue import catalogue
    from ..running.workdir import places
    from ..store import store_exists
    from .open_store import opened

    given = Given(workdir, store)
    listed: list[Listed] = []
    if store_exists(places(workdir, store).store_url):
        with opened(given) as found:
            listed = list(catalogue(found))
    if as_json:
        print_json([one.to_json() for one in listed])
    elif listed:
        from .tables import searches_table

        console().print(searches_table(listed))
    else:
        console().print(
            f"no search yet; start one with: {command('search', 'SPEC', given=given)}", soft_wrap=True
        )
