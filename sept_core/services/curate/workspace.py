"""The Curate workspace: all that a rerun of its page hands to the browser.

In: an open project and the `Place` of the URL. Out: `Data`: choices, the request and the view, the
standing decisions, and the paths of immutable answers that the browser fetches and joins. Nothing
here walks over the pool.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sept_core import errors
from sept_core.catalogue import (
    decision_table,
    filters,
    image_table,
    revision,
    selection_table,
    source_table,
)
from sept_core.features import feature_store
from sept_core.jobs import launcher
from sept_core.review import decision_log
from sept_core.selection.strategies import STRATEGIES
from sept_core.services.curate import (
    decisions,
    groups,
    outbox,
    rankings,
    row_space,
    searches,
    standings,
    views,
)
from sept_core.services.curate.row_space import RowSpace
from sept_core.services.curate.views import Place
from sept_core.services.data import preparation
from sept_core.services.explore import cluster_labels, map_job, point_map, row_points, text_search
from sept_core.services.project import projects
from sept_core.services.project.project import Project
from sept_core.storage import hashing

COLOURS = {"cluster": "Cluster", "source": "Source"}
QUALITY = ("brightness", "contrast", "sharpness", "entropy")


@dataclass(frozen=True)
class Data:
    """Data of one rerun, as JSON values; the page adds the query of URLs and its own answers.

    Attributes:
        rows: key of the row space; empty while nothing is embedded.
        pool: `count` of images, `eligible` ones with features, `prepared` for selections.
        encoder: id of the encoder; empty while nothing is embedded.
        choices: `targets`, `strategies`, `encoders`, `groups`, `colours`, `fields`, `wordy`.
        request: the request in the browser's words, see `views.request_json`.
        view: what is shown, see `views.View`; `searched` describes its search.
        order: order of the grid.
        budget: images to select, or None.
        context: ids of the target sets that decisions belong to, joined by `+`.
        urls: paths of the answers, without their query; None where there is no answer.
        map: `fresh`, `drawn`, `note`, `job`.
        log: name of the decision log.
        can_undo: a decision can be undone.
        can_redo: an undo can be reverted.
        marks: standing decision by uid.
        vetoed_targets: uids.
        acknowledged: last saved step by client.
    """

    rows: str
    pool: dict[str, Any]
    encoder: str
    choices: dict[str, Any]
    request: dict[str, Any]
    view: dict[str, Any]
    order: str
    budget: int | None
    context: str
    urls: dict[str, str | None]
    map: dict[str, Any]
    log: str
    can_undo: bool
    can_redo: bool
    marks: dict[str, str]
    vetoed_targets: list[str]
    acknowledged: dict[str, int]

    def json(self) -> dict[str, Any]:
        """Return the data as a dict of JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def data(project: Project, place: Place) -> Data:
    """Return the data of a place.

    Raises:
        NotFoundError: a target set is unknown, or nothing is embedded with the encoder.
    """
    found = projects.encoders(project)
    encoder = projects.find_encoder(project, place.request.encoder) if found else ""
    rows = row_space.load(project, encoder) if encoder else None
    targets = [source_table.find(project.db, "target", name) for name in place.request.targets]
    log = decision_table.log_of(project.db, [target.id for target in targets])
    prepared = bool(encoder) and is_prepared(project, encoder)
    choices = _choices(project, encoder, found, [target.name for target in targets])
    return Data(
        rows=rows.key if rows else "",
        pool={
            "count": image_table.pool_counts(project.db)["images"],
            "eligible": len(rows.uids) if rows else 0,
            "prepared": prepared,
        },
        encoder=encoder,
        choices=choices,
        request=views.request_json(place.request) | {"encoder": encoder or None},
        view=_view(project, place),
        order=place.order,
        budget=place.budget,
        context="+".join(target.id for target in targets),
        urls=_urls(project, place, rows, [target.id for target in targets], log, prepared),
        map=_map(project, encoder),
        log=rankings.log_name(log),
        can_undo=any(_can(project, target.id, redo=False) for target in targets),
        can_redo=any(_can(project, target.id, redo=True) for target in targets),
        marks={uid: made.action for uid, made in log.state.decisions.items()},
        vetoed_targets=sorted(log.state.vetoed_targets),
        acknowledged=outbox.acknowledged(project),
    )


def pulse(project: Project, encoder: str | None, names: list[str]) -> dict[str, str]:
    """Return the names of the decision log and the row space, which other tabs may change.

    Raises:
        NotFoundError: as in `data`.
    """
    ids = [source_table.find(project.db, "target", name).id for name in names]
    log = rankings.log_name(decision_table.log_of(project.db, ids))
    try:
        encoder_id = projects.find_encoder(project, encoder)
    except errors.NotFoundError:
        return {"log": log, "rows": ""}
    store = feature_store.kept(project.paths.pool_features(encoder_id))
    return {"log": log, "rows": row_space.key_of(project, store)}


def is_prepared(project: Project, encoder_id: str) -> bool:
    """Return True if a selection can be made now; if not, `preparation.next_job` prepares it."""
    try:
        preparation.groups_by_uid(project, encoder_id)
        preparation.calibration(project, encoder_id)
    except (errors.InputError, errors.NotFoundError):
        return False
    return True


def filter_fields(project: Project) -> list[str]:
    """List the fields that a metadata filter may name."""
    return [*filters.COLUMNS, *image_table.metadata_fields(project.db)]


def _can(project: Project, target_id: str, *, redo: bool) -> bool:
    events = decision_table.log_of(project.db, [target_id]).events
    found = decision_log.last_redoable(events) if redo else decision_log.last_undoable(events)
    return found is not None


def _titled(encoders: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return id, kind and title of encoders: the spec, with the id where specs are the same."""
    specs = [str(one.get("spec") or one["id"]) for one in encoders]
    return [
        {
            "id": one["id"],
            "kind": one["kind"],
            "title": spec if specs.count(spec) == 1 else f"{spec} ({one['id']})",
        }
        for one, spec in zip(encoders, specs, strict=True)
    ]


def _choices(
    project: Project, encoder: str, encoders: list[dict[str, Any]], targets: list[str]
) -> dict[str, Any]:
    return {
        "targets": [
            {
                "name": record.name,
                "id": record.id,
                "count": len(standings.searching(project, record.id)),
            }
            for record in source_table.every(project.db, "target")
        ],
        "strategies": [
            {
                "id": name,
                "title": name.replace("-", " ").capitalize(),
                "description": strategy.description,
                "prefix": strategy.is_prefix,
                "live": rankings.is_live(name),
                "weighted": strategy.weighted,
                "stops": strategy.stops,
                "own": strategy.from_targets,
            }
            for name, strategy in STRATEGIES.items()
        ],
        "encoders": _titled(encoders[::-1]),
        "groups": groups.names(project),
        "colours": [
            {"id": key, "title": title}
            for key, title in {
                **COLOURS,
                **{f"similarity:{name}": f"Similarity to {name}" for name in targets},
                **{f"quality:{name}": name.capitalize() for name in QUALITY},
            }.items()
        ],
        "fields": filter_fields(project),
        "wordy": bool(encoder) and text_search.understands_words(project, encoder),
    }


def _view(project: Project, place: Place) -> dict[str, Any]:
    view = place.view
    searched = None
    if view.search:
        try:
            searched = searches.label(project, view.search)
        except errors.NotFoundError:
            searched = "a search of another project"
    return asdict(view) | {"area": [list(corner) for corner in view.area], "searched": searched}


def _map(project: Project, encoder: str) -> dict[str, Any]:
    drawn = row_points.find_map(project, encoder) if encoder else None
    jobs = [job for job in launcher.all_jobs(project.paths) if job.kind == "map" and not job.ended]
    return {
        "drawn": drawn is not None,
        "fresh": drawn is not None and map_job.is_fresh(project, encoder),
        "note": drawn.note if drawn else None,
        "job": jobs[0].id if jobs else None,
    }


def _urls(
    project: Project,
    place: Place,
    rows: RowSpace | None,
    ids: list[str],
    log: decision_log.Log,
    prepared: bool,
) -> dict[str, str | None]:
    names = ("sheet", "progress", "order", "audit", "figures", "diagnostics", "points", "clusters",
             "colours", "targets", "history", "selections", "pulse", "uids", "passing", "facts",
             "scope", "search", "compare", "stop", "picked")  # fmt: skip
    urls: dict[str, str | None] = dict.fromkeys(names)
    urls["selections"] = f"/curate/selections/{selections_stamp(project)}"
    urls["pulse"] = "/curate/pulse"
    urls["compare"] = "/curate/compare"
    urls["picked"] = "/curate/picked"
    told = rankings.log_name(log)
    if ids:
        urls["history"] = f"/curate/history/{'+'.join(ids)}/{told}"
    if rows is None:
        return urls
    base = f"/curate/{rows.encoder_id}"
    drawn = row_points.find_map(project, rows.encoder_id)
    urls |= {
        "uids": f"/curate/{rows.encoder_id}/uids/{rows.key}",
        "passing": f"{base}/rows/{rows.key}/{passing_stamp(project)}",
        "facts": f"{base}/facts",
        "scope": f"{base}/scope",
        "search": f"{base}/search/{rows.key}",
        "colours": f"{base}/colours/{rows.key}/{colours_stamp(project, rows, drawn)}",
        "targets": f"{base}/targets/{targets_stamp(project, ids, drawn)}",
    }
    if drawn is not None:
        stamp = clusters_stamp(project, rows, drawn)
        urls["points"] = f"{base}/points/{rows.key}/{drawn.revision}"
        urls["clusters"] = f"{base}/clusters/{rows.key}/{stamp}"
    if ids and prepared:
        key = rankings.remember(project, place.request)
        for name in ("sheet", "order", "audit", "figures", "diagnostics", "stop"):
            urls[name] = f"/curate/{name}/{key}/{told}"
        urls["progress"] = f"/curate/progress/{key}"
    return urls


def passing_stamp(project: Project) -> str:
    """Return a hash of everything that filters and words depend on: metadata and paths."""
    return hashing.fingerprint(revision.current(project.db))


def colours_stamp(project: Project, rows: RowSpace, drawn: point_map.Map | None) -> str:
    """Return a hash of everything that a colouring depends on."""
    sources = [[r.id, r.name] for r in source_table.every(project.db, "pool")]
    targets = source_table.every(project.db, "target")
    searching = [
        [r.name, [t.uid for t in standings.searching(project, r.id)], _content(project, rows, r.id)]
        for r in targets
    ]
    files = revision.current(project.db)  # an image may have moved from one source to another
    return hashing.fingerprint([rows.key, drawn and drawn.revision, sources, searching, files])


def _content(project: Project, rows: RowSpace, target_id: str) -> str:
    folder = project.paths.target_features(rows.encoder_id, target_id)
    return feature_store.kept(folder).content_id()


def targets_stamp(project: Project, ids: list[str], drawn: point_map.Map | None) -> str:
    """Return a hash of everything that the list of target images depends on."""
    own = [[ident, [asdict(t) for t in standings.searching(project, ident)]] for ident in ids]
    return hashing.fingerprint([own, drawn and drawn.revision])


def clusters_stamp(project: Project, rows: RowSpace, drawn: point_map.Map) -> str:
    """Return a hash of everything that the labels of clusters depend on."""
    points = row_points.align(project, rows, drawn)
    named = cluster_labels.names(project, rows.encoder_id, points)
    return hashing.fingerprint([points.revision, sorted(named.items())])


def selections_stamp(project: Project) -> str:
    """Return a hash of everything that the list of saved selections depends on."""
    fingerprint = image_table.pool_fingerprint(project.db)
    last = decision_table.last_position(project.db)
    known = selection_table.stamp(project.db)
    return hashing.fingerprint([known, fingerprint, last, revision.current(project.db)])


def target_list(project: Project, encoder_id: str, ids: list[str]) -> list[dict[str, Any]]:
    """Return the training images of target sets with their places on the map, each uid once."""
    drawn = row_points.find_map(project, encoder_id)
    names = {record.id: record.name for record in source_table.every(project.db, "target")}
    places: dict[str, list[float]] = {}
    for uids, points in (drawn.targets if drawn else {}).values():
        places |= zip(uids, points.astype(float).round(5).tolist(), strict=True)
    found: dict[str, dict[str, Any]] = {}
    for ident in ids:
        for target in standings.searching(project, ident):
            row = {"set": names.get(ident, ident), "uid": target.uid, "label": target.label}
            found.setdefault(target.uid, row | {"place": places.get(target.uid)})
    return list(found.values())


def history(project: Project, ids: list[str], name: str) -> dict[str, Any]:
    """Return the decisions of target sets, latest first, and who signs the next ones.

    A decision on several target sets at once is listed once, at its last position.

    Raises:
        NotFoundError: the log never had that name.
    """
    log = rankings.log_of(project, tuple(ids), name)
    rows: list[dict[str, Any]] = []
    same = ("at", "who", "action", "scope", "reason", "uids")
    for event in decisions.events_of(log):
        if rows and event["action"] != "undo" and all(rows[-1][key] == event[key] for key in same):
            rows.pop()
        rows.append(event)
    events = [
        {key: value for key, value in event.items() if key != "uids"}
        | {"count": len(event["uids"]), "uids": list(event["uids"][:SHOWN])}
        for event in rows[::-1]
    ]
    may_sign = project.who is None
    return {"events": events, "who": decisions.signature(project), "may_sign": may_sign}


SHOWN = 12
"""Images of a decision that the history shows."""
