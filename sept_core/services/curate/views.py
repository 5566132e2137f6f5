"""Views: the state of Curate in the URL, and the stored records that links name.

In: the parameters of a URL, or what the browser sends. Out: a `Place`. Target sets, strategy,
encoder, budget and order are parameters of their own; all else that is not a default is an
immutable record in the project, named by its content, so that a link shows a colleague the same.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from sept_core import errors
from sept_core.catalogue import settings, source_table
from sept_core.selection import weights
from sept_core.selection.settings import SelectionSettings
from sept_core.selection.strategies import DEFAULT_STRATEGY, STRATEGIES
from sept_core.services.curate import searches, selections
from sept_core.services.curate.requests import Request
from sept_core.services.project.project import Project
from sept_core.storage import hashing

PREFIX = "view:"

ORDERS = ("similarity", "target", "cluster", "part", "doubt", "refills", "audit", "uid")

SHORT = {
    "floor": "floor_percentile",
    "cap": "duplicate_cap",
    "seed": "seed",
    "scaling": "local_scaling",
    "fill": "fill",
    "recipe": "recipe",
    "unfilled": "unfilled_part",
    "with_target": "with_target",
    "weights": "weights",
    "stop_ratio": "stop_ratio",
    "stop_round": "stop_round",
}
"""Name in the browser → field of `SelectionSettings`."""

OLD_ORDERS = {"by-target": "target", "by-doubt": "doubt", "by-cluster": "cluster", "audit": "audit"}
"""Orders of links made before Curate was one page."""

MOST_CORNERS = 2000


@dataclass(frozen=True)
class View:
    """What is shown of a ranking or the pool.

    Attributes:
        area: corners on the map, 0..1; empty without an area.
        cluster: number of a map cluster.
        target: uid of a target image, to show only what it brought.
        part: name of a part of the recipe, to show only its images.
        state: `vetoed`, `kept`, `pinned`, `undecided`, `new` (a refill) or `round` (not in the
            subset of the previous round); empty for all.
        words: a part of the images' paths.
        search: id of a stored search.
        focus: uid of the current image.
    """

    area: tuple[tuple[float, float], ...] = ()
    cluster: int | None = None
    target: str = ""
    state: str = ""
    words: str = ""
    search: str = ""
    focus: str = ""
    part: str = ""


@dataclass(frozen=True)
class Place:
    """The state of the page: the request without its budget, the view, the budget, the order.

    Attributes:
        request: its settings have a budget of 1; its targets may be empty, which shows the pool.
        budget: images to select; None before one was chosen.
    """

    request: Request
    view: View = field(default_factory=View)
    budget: int | None = None
    order: str = ORDERS[0]


DEFAULT = SelectionSettings(strategy=DEFAULT_STRATEGY, budget=1)


def read(project: Project, parameters: Mapping[str, Sequence[str]]) -> Place:
    """Return the place of a URL; invalid parameters are ignored, missing target sets dropped.

    Args:
        project: the open project.
        parameters: values by name: `target` (repeated), `strategy`, `encoder`, `budget`, `order`,
            `view`.

    Raises:
        NotFoundError: the view does not exist in this project.
    """
    first = {name: values[0] for name, values in parameters.items() if values}
    known = {source.name for source in source_table.every(project.db, "target")}
    targets = tuple(dict.fromkeys(t for t in parameters.get("target", ()) if t in known))
    stored = _stored(project, first["view"]) if first.get("view") else {}
    strategy = first.get("strategy", "")
    request = {
        **stored.get("request", {}),
        "targets": targets,
        "strategy": strategy if strategy in STRATEGIES else DEFAULT_STRATEGY,
        "encoder": first.get("encoder"),
    }
    budget = first.get("budget", "")
    order = first.get("order", "")
    return Place(
        request=request_from(request),
        view=view_from(stored.get("view", {})),
        budget=int(budget) if budget.isdecimal() and 0 < int(budget) < 10**12 else None,
        order=order if order in ORDERS else ORDERS[0],
    )


def write(project: Project, place: Place) -> dict[str, list[str]]:
    """Return the URL parameters of a place, after storing its view if it has details."""
    request = request_json(place.request)
    for name in ("targets", "strategy", "encoder"):
        request.pop(name)
    plain = request_json(Request((), DEFAULT))
    details = {
        "request": {name: value for name, value in request.items() if value != plain[name]},
        "view": _details(place.view),
    }
    found = {"target": list(place.request.targets)}
    if place.request.settings.strategy != DEFAULT_STRATEGY:
        found["strategy"] = [place.request.settings.strategy]
    if place.request.encoder:
        found["encoder"] = [place.request.encoder]
    if place.budget is not None:
        found["budget"] = [str(place.budget)]
    if place.order != ORDERS[0]:
        found["order"] = [place.order]
    if any(details.values()):
        found["view"] = [_store(project, details)]
    return {name: values for name, values in found.items() if values}


def _details(view: View) -> dict[str, Any]:
    """Return what differs from the default view, as JSON values."""
    plain = asdict(View())
    changed = {name: value for name, value in asdict(view).items() if value != plain[name]}
    found: dict[str, Any] = json.loads(json.dumps(changed))
    return found


def _store(project: Project, details: dict[str, Any]) -> str:
    """Store a view once; its id is a hash of its content."""
    name = hashing.fingerprint(details)
    if settings.get(project.db, PREFIX + name) is None:
        settings.put(project.db, PREFIX + name, details)
    return name


def _stored(project: Project, name: str) -> dict[str, Any]:
    found: dict[str, Any] | None = settings.get(project.db, PREFIX + name)
    if found is None:
        raise errors.NotFoundError(
            f"This project has no view {name!r}; the link may be of another."
        )
    return found


def request_json(request: Request) -> dict[str, Any]:
    """Return a request without its budget as the browser takes it.

    `more` holds the settings that have no name of their own there and are not defaults.
    """
    own = asdict(request.settings) | {"weights": request.settings.weights.to_json()}
    named = {name: own[full] for name, full in SHORT.items()} | {"recipe": list(own["recipe"])}
    plain = asdict(SelectionSettings(strategy=request.settings.strategy, budget=1))
    apart = {"strategy", "budget", *SHORT.values()}
    more = {name: v for name, v in own.items() if name not in apart and v != plain[name]}
    return {
        "targets": list(request.targets),
        "strategy": request.settings.strategy,
        "encoder": request.encoder,
        **named,
        "guard": request.guard,
        "filter": request.filter,
        "group": request.group,
        "refill": request.refill_duplicates,
        "more": json.loads(json.dumps(more)),
    }


def request_from(sent: Mapping[str, Any]) -> Request:
    """Return the request that the browser or a stored view describes.

    Settings that do not fit the strategy or the target sets are left out, see `_fitting`.

    Raises:
        InputError: a value does not fit.
    """
    known = {entry.name for entry in fields(SelectionSettings)} - {"strategy", "budget"}
    try:
        values = {full: sent[name] for name, full in SHORT.items() if name in sent}
        values |= {name: v for name, v in dict(sent.get("more") or {}).items() if name in known}
        for name in ("expand_percentiles",):
            if name in values:
                values[name] = tuple(float(value) for value in values[name])
        for name in ("duplicate_cap", "seed", "stop_round"):
            if name in values:
                values[name] = int(values[name])
        for name in ("floor_percentile", "stop_ratio"):
            if values.get(name) is not None:
                values[name] = float(values[name])
        targets = tuple(str(name) for name in sent.get("targets") or ())
        strategy = str(sent.get("strategy") or DEFAULT_STRATEGY)
        return Request(
            targets=targets,
            settings=_fitting(strategy, values, targets),
            encoder=str(sent["encoder"]) if sent.get("encoder") else None,
            filter=str(sent.get("filter") or ""),
            guard=bool(sent.get("guard", True)),
            group=str(sent.get("group") or ""),
            refill_duplicates=bool(sent.get("refill")),
        )
    except (TypeError, ValueError) as problem:
        raise errors.InputError(
            f"The request cannot be read ({problem}); reload the page."
        ) from None


def _fitting(strategy: str, values: dict[str, Any], targets: tuple[str, ...]) -> SelectionSettings:
    """Return settings without those that the strategy or the target sets give no meaning.

    A strategy of its own replaces a recipe; weights need a strategy that uses them and belong to
    chosen target sets; a stop needs rounds. A person who changes the strategy or the target sets
    therefore never meets an error.
    """
    values = dict(values)
    if strategy != DEFAULT_STRATEGY:
        values.pop("recipe", None)
    base = SelectionSettings(strategy, 1, recipe=tuple(values.get("recipe", ())))
    used = [STRATEGIES[part.strategy] for part in base.recipe] or [STRATEGIES[strategy]]
    if not base.recipe and used[0].from_targets:
        values.pop("with_target", None)
    if not any(one.stops for one in used) or values.get("fill"):
        values.pop("stop_ratio", None)
    given = weights.Weights(**values.pop("weights", {}))
    if any(one.weighted for one in used):
        values["weights"] = given.among(targets)
    return SelectionSettings(strategy, 1, **values)


def lost(sent: Mapping[str, Any], request: Request) -> list[str]:
    """Name the settings that `request_from` left out of what the browser sent."""
    made = request.settings
    given = weights.Weights(**dict(sent.get("weights") or {}))
    found = {
        "weights": given != made.weights,
        "the stop": sent.get("stop_ratio") is not None and made.stop_ratio is None,
        "the target's own images": bool(sent.get("with_target")) and not made.with_target,
        "the recipe": bool(sent.get("recipe")) and not made.recipe,
    }
    return [name for name, is_lost in found.items() if is_lost]


def view_from(sent: Mapping[str, Any]) -> View:
    """Return the view that the browser or a stored view describes.

    Raises:
        InputError: a value does not fit.
    """
    try:
        area = tuple((float(x), float(y)) for x, y in sent.get("area") or ())
        cluster = sent.get("cluster")
        texts = ("target", "state", "words", "search", "focus", "part")
        found = View(
            area=area[:MOST_CORNERS],
            cluster=None if cluster is None else int(cluster),
            **{name: str(sent.get(name) or "")[:500] for name in texts},
        )
    except (TypeError, ValueError) as problem:
        raise errors.InputError(f"The view cannot be read ({problem}); reload the page.") from None
    return found


def of_selection(project: Project, selection_id: str) -> Place:
    """Return the place that shows what a saved selection asked for.

    Raises:
        NotFoundError: there is no such selection.
    """
    record = selections.find(project, selection_id)
    request = selections.request_of(project, record)
    names = {source.name for source in source_table.every(project.db, "target")}
    budget = request.settings.budget or record["count"]
    return Place(
        replace(
            request,
            targets=tuple(name for name in request.targets if name in names),
            settings=replace(request.settings, budget=1),
        ),
        budget=budget,
    )


def of_old_link(project: Project, page: str, parameters: Mapping[str, Sequence[str]]) -> Place:
    """Return the place that a link to one of the earlier pages means.

    Args:
        project: the open project.
        page: `map`, `retrieve` or `review`.
        parameters: of that link.
    """
    first = {name: values[0] for name, values in parameters.items() if values}
    if page == "review":
        return _of_review(project, first)
    shared = ("strategy", "encoder", "budget")
    wanted = shared if page == "map" else ("target", *shared)
    place = read(project, {name: parameters[name] for name in wanted if name in parameters})
    if page != "map":
        return place
    request = replace(place.request, filter=first.get("filter", ""), group=first.get("group", ""))
    try:
        view = view_from({"area": json.loads(first.get("area") or "[]")})
    except (ValueError, errors.InputError):
        view = View()
    if near := first.get("near", ""):
        view = replace(view, focus=near, search=searches.store_image(project, near))
    elif words := first.get("words", ""):
        view = replace(view, search=searches.store_text(project, words))
    return replace(place, request=request, view=view, order="uid")


def _of_review(project: Project, first: Mapping[str, str]) -> Place:
    order = OLD_ORDERS.get(first.get("order", ""), ORDERS[0])
    try:
        return replace(of_selection(project, first.get("selection", "")), order=order)
    except errors.NotFoundError:
        names = first.get("target", "").split(" + ")
        return replace(read(project, {"target": names}), order=order)
