"""Requests of the Curate workspace other than decisions, each kind one function.

In: an open project, the place of the URL, a wish's payload. Out: the place that follows, a notice,
or another page to go to.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sept_core import errors
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import decisions, drafts, groups, searches, selections, views
from sept_core.services.curate.requests import Request
from sept_core.services.curate.views import Place
from sept_core.services.data import preparation
from sept_core.services.explore import cluster_labels, map_job, point_map, row_points
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing

log = logging.getLogger("sept")

EXPORTED = "chosen"
"""Beginning of the names of groups that are made to export chosen images."""


@dataclass
class Turn:
    """The fulfilling of one or several wishes.

    Attributes:
        project: the open project.
        place: the state of the URL, changed by wishes.
        notice: `text`, `kind` and maybe `link` ({label, page, query}) for the user.
        leave: page and URL parameters to go to.
        preparing: whether the preparation of the pool was asked for.
    """

    project: Project
    place: Place
    notice: dict[str, Any] | None = None
    leave: tuple[str, dict[str, Any]] | None = None
    preparing: bool = False

    def tell(self, text: str, link: tuple[str, str, dict[str, str]] | None = None) -> None:
        """Show a notice; the link is a label, a page and URL parameters."""
        made = link and dict(zip(("label", "page", "query"), link, strict=True))
        self.notice = {"text": text, "kind": "info", "link": made}

    @property
    def encoder(self) -> str:
        """The id of the encoder of the place."""
        return projects.find_encoder(self.project, self.place.request.encoder)


def fulfil(turn: Turn, kind: str, payload: dict[str, Any]) -> None:
    """Fulfil one wish.

    Raises:
        SeptError: it cannot be fulfilled.
    """
    if kind not in KINDS:
        raise errors.InputError(f"The request {kind!r} is unknown; reload the page.")
    try:
        KINDS[kind](turn, payload)
    except (KeyError, TypeError, ValueError) as problem:
        log.warning("The request %r of a page failed.", kind, exc_info=True)
        raise errors.InputError(
            f"The request {kind!r} cannot be read ({problem}); reload the page."
        ) from None


def _request(turn: Turn, payload: dict[str, Any]) -> None:
    before, wanted = turn.place, views.request_from(payload)
    view = before.view
    if wanted.encoder != before.request.encoder:
        view = replace(view, area=(), cluster=None)  # another map
    if wanted.targets != before.request.targets:
        view = replace(view, target="")
    lost = views.lost(payload, wanted)
    if lost:
        turn.tell(f"Removed {' and '.join(lost)}: the strategy or the target sets do not use them.")
    turn.place = replace(before, request=wanted, view=view)


def _view(turn: Turn, payload: dict[str, Any]) -> None:
    turn.place = replace(turn.place, view=views.view_from(payload))


def _order(turn: Turn, payload: dict[str, Any]) -> None:
    if payload["order"] not in views.ORDERS:
        raise errors.InputError(f"The order {payload['order']!r} is unknown; reload the page.")
    turn.place = replace(turn.place, order=str(payload["order"]))


def _budget(turn: Turn, payload: dict[str, Any]) -> None:
    turn.place = replace(turn.place, budget=max(1, int(payload["budget"])))


def _save(turn: Turn, payload: dict[str, Any]) -> None:
    budget = max(1, int(payload["budget"]))
    made = drafts.save(turn.project, turn.place.request, budget)
    turn.place = replace(turn.place, budget=budget)
    link = ("Export", "Export", {"selection": made["selection"]})
    turn.tell(f"Saved {made['count']:,} images as {made['selection']}.", link)


def _uids(payload: dict[str, Any]) -> list[str]:
    return [str(uid) for uid in payload["uids"]]


def _save_group(turn: Turn, payload: dict[str, Any]) -> None:
    uids = _uids(payload)
    groups.save(turn.project, str(payload["name"]), uids)
    turn.tell(
        f"Saved {len(uids):,} images as group {payload['name']}; Settings can restrict to it."
    )


def _remove_group(turn: Turn, payload: dict[str, Any]) -> None:
    name = str(payload["name"])
    groups.remove(turn.project, name)
    if turn.place.request.group == name:
        turn.place = replace(turn.place, request=replace(turn.place.request, group=""))
    turn.tell(f"Deleted group {name}; its images are unchanged.")


def _add_to_target(turn: Turn, payload: dict[str, Any]) -> None:
    name = str(payload["name"])
    new = groups.add_to_target(turn.project, name, _uids(payload))
    turn.tell(f"Added {new:,} images to {name}; embed them on the Pool page.", ("Pool", "Pool", {}))


def _export(turn: Turn, payload: dict[str, Any]) -> None:
    """Make a selection of exactly these images; vetoes, guard and duplicate cap still apply."""
    uids = _uids(payload)
    name = f"{EXPORTED}-{hashing.fingerprint(sorted(uids))[:8]}"
    groups.save(turn.project, name, uids)
    request = turn.place.request
    whole = SelectionSettings(strategy="whole-pool", duplicate_cap=request.settings.duplicate_cap)
    wanted = Request(request.targets, whole, turn.encoder, guard=request.guard, group=name)
    made = selections.select(turn.project, wanted)
    turn.leave = ("Export", {"selection": made["selection"]})


def _search(turn: Turn, payload: dict[str, Any]) -> None:
    project = turn.project
    if "text" in payload:
        found = searches.store_text(project, str(payload["text"]))
    elif "uids" in payload:
        found = searches.store_images(project, _uids(payload))
    elif "uid" in payload:
        found = searches.store_image(project, str(payload["uid"]))
    else:
        try:
            data = base64.b64decode(str(payload["image"]), validate=True)
        except binascii.Error:
            raise errors.InputError("The image arrived incomplete; try again.") from None
        found = searches.store_upload(project, turn.encoder, data, str(payload.get("name", "")))
    turn.place = replace(turn.place, view=replace(turn.place.view, search=found))


def _open_selection(turn: Turn, payload: dict[str, Any]) -> None:
    turn.place = views.of_selection(turn.project, str(payload["id"]))


def _delete_selections(turn: Turn, payload: dict[str, Any]) -> None:
    ids: Sequence[str] = [str(ident) for ident in payload["ids"]]
    for ident in ids:
        selections.remove(turn.project, ident)
    turn.tell(f"Deleted {len(ids):,} selections; decisions and exports are kept.")


def _sign_as(turn: Turn, payload: dict[str, Any]) -> None:
    decisions.sign_as(turn.project, str(payload["name"]))


def _name_cluster(turn: Turn, payload: dict[str, Any]) -> None:
    from sept_core.services.curate import row_space

    rows = row_space.load(turn.project, turn.encoder)
    points = row_points.align(turn.project, rows, point_map.load(turn.project, turn.encoder))
    cluster_labels.name(
        turn.project, turn.encoder, points, int(payload["cluster"]), str(payload["name"])
    )


def _draw_map(turn: Turn, payload: dict[str, Any]) -> None:
    map_job.start(turn.project, turn.encoder)


def _prepare(turn: Turn, payload: dict[str, Any]) -> None:
    turn.preparing = True
    preparation.next_job(turn.project, turn.encoder)


def _refresh(turn: Turn, payload: dict[str, Any]) -> None:
    """Nothing: the rerun itself brings what others have changed."""


def _go(turn: Turn, payload: dict[str, Any]) -> None:
    turn.leave = (str(payload["page"]), dict(payload.get("query") or {}))


KINDS: dict[str, Callable[[Turn, dict[str, Any]], None]] = {
    "request": _request,
    "view": _view,
    "order": _order,
    "budget": _budget,
    "save": _save,
    "save-group": _save_group,
    "remove-group": _remove_group,
    "add-to-target": _add_to_target,
    "export": _export,
    "search": _search,
    "open-selection": _open_selection,
    "delete-selections": _delete_selections,
    "sign-as": _sign_as,
    "name-cluster": _name_cluster,
    "draw-map": _draw_map,
    "prepare": _prepare,
    "refresh": _refresh,
    "go": _go,
}
"""Kinds of wishes; see `assets/curate/model/wishes.js`."""
