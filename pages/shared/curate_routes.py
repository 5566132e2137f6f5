"""Routes of the Curate workspace: immutable data that the browser joins by row.

GET only. Every path names all that its answer depends on; answers that depend on more are not
cached. Imports of `sept_core` that bring faiss are inside, since the first page does not need them.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pages.shared import answers, state
from pages.shared.answers import NEVER, Endpoint
from sept_core import errors
from sept_core.services.project.project import Project

if TYPE_CHECKING:
    from sept_core.review import decision_log
    from sept_core.services.curate.rankings import Ranking
    from sept_core.services.curate.row_space import RowSpace


def _number(request: Request, name: str, default: float) -> float:
    try:
        return float(request.query_params.get(name, default))
    except ValueError:
        raise errors.NotFoundError(f"{name} is not a number.") from None


def _names(request: Request) -> list[str]:
    """Return the names of the target sets of a request."""
    return request.query_params.getlist("target")


def _ids(project: Project, request: Request) -> list[str]:
    from sept_core.services.curate import decisions

    return decisions.ids_of(project, _names(request))


def _rows(project: Project, request: Request) -> "RowSpace":
    from sept_core.services.curate import row_space

    return row_space.find(project, request.path_params["enc"], request.path_params["rows"])


async def _of_rows(request: Request, work: "Callable[[Project, RowSpace], Response]") -> Response:
    """Answer with what is made from the row space that a path names."""

    def make() -> Response:
        with state.project(answers.key(request)) as project:
            return work(project, _rows(project, request))

    return await answers.answer(make)


def _if_current(response: Response, is_current: bool) -> Response:
    """Return the response, which is cached only if its path names the current state."""
    if not is_current:
        response.headers["cache-control"] = NEVER
    return response


async def uids(request: Request) -> Response:
    """Serve one page of the uids, 16 bytes each."""

    def work(project: Project, rows: "RowSpace") -> Response:
        return answers.raw(rows.page(request.path_params["page"]))

    return await _of_rows(request, work)


async def points(request: Request) -> Response:
    """Serve x and y of every row, 4 bytes each."""

    def work(project: Project, rows: "RowSpace") -> Response:
        from sept_core.services.explore import point_map, row_points

        drawn = point_map.load(project, rows.encoder_id)
        response = answers.raw(row_points.align(project, rows, drawn).points())
        return _if_current(response, request.path_params["map"] == drawn.revision)

    return await _of_rows(request, work)


async def clusters(request: Request) -> Response:
    """Serve the clusters of the map: names, centres, sizes, pictures, and each row's cluster."""

    def work(project: Project, rows: "RowSpace") -> Response:
        from sept_core.services.curate import workspace
        from sept_core.services.explore import cluster_labels, point_map, row_points

        drawn = point_map.load(project, rows.encoder_id)
        stamp = workspace.clusters_stamp(project, rows, drawn)
        aligned = row_points.align(project, rows, drawn)
        found = cluster_labels.answer(project, rows.encoder_id, aligned)
        return _if_current(JSONResponse(found), request.path_params["map"] == stamp)

    return await _of_rows(request, work)


async def colours(request: Request) -> Response:
    """Serve palette, legend and each row's class of a colouring."""

    def work(project: Project, rows: "RowSpace") -> Response:
        from sept_core.services.curate import workspace
        from sept_core.services.explore import row_points

        drawn = row_points.find_map(project, rows.encoder_id)
        stamp = workspace.colours_stamp(project, rows, drawn)
        aligned = row_points.align(project, rows, drawn)
        found = row_points.colours(project, rows, aligned, request.query_params.get("by", ""))
        return _if_current(JSONResponse(found), request.path_params["stamp"] == stamp)

    return await _of_rows(request, work)


async def targets(request: Request) -> Response:
    """Serve the training images of target sets, with their places on the map."""

    def make() -> Response:
        from sept_core.services.curate import workspace
        from sept_core.services.explore import row_points

        encoder = request.path_params["enc"]
        with state.project(answers.key(request)) as project:
            ids = _ids(project, request)
            found = workspace.target_list(project, encoder, ids)
            stamp = workspace.targets_stamp(project, ids, row_points.find_map(project, encoder))
        return _if_current(JSONResponse(found), request.path_params["stamp"] == stamp)

    return await answers.answer(make)


Work = Callable[[Project, "Ranking", "decision_log.Log"], Any]


async def _of_ranking(request: Request, work: Work) -> Response:
    """Answer with JSON made from the ranking and the decisions that a path names."""

    def make() -> Response:
        from sept_core.services.curate import rankings

        path = request.path_params
        with state.project(answers.key(request)) as project:
            ranking = rankings.find(project, path["key"])
            log = rankings.log_of(project, ranking.target_ids, path["log"])
            return JSONResponse(work(project, ranking, log))

    return await answers.answer(make)


async def sheet(request: Request) -> Response:
    """Serve the picks of a ranking in selected order."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import sheets

        return sheets.sheet(ranking, log.state, _positive(request, "reach"))

    return await _of_ranking(request, work)


def _positive(request: Request, name: str) -> int:
    value = int(request.path_params[name])
    if not 0 < value < 10**12:
        raise errors.NotFoundError(f"{name} must be a positive number of images.")
    return value


async def progress(request: Request) -> Response:
    """Serve the progress of a ranking that is being made."""

    def make() -> Response:
        from sept_core.services.curate import rankings

        with state.project(answers.key(request)) as project:
            return JSONResponse(rankings.progress(project, request.path_params["key"]))

    return await answers.answer(make, NEVER)


async def order(request: Request) -> Response:
    """Serve the uids of a draft in the order `doubt` or `audit`."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import drafts

        name = request.path_params["name"]
        if name == "audit":
            with state.WRITING:
                drafts.begin_audit(project, ranking, log)
        return drafts.order(project, ranking, log, _positive(request, "budget"), name)

    response = await _of_ranking(request, work)
    if request.path_params["name"] == "audit":  # a new audit may begin
        response.headers["cache-control"] = NEVER
    return response


async def audit(request: Request) -> Response:
    """Serve the precision of the audited draft, with its interval."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import drafts

        return drafts.precision(project, ranking, log, _positive(request, "budget"))

    response = await _of_ranking(request, work)
    response.headers["cache-control"] = NEVER
    return response


async def figures(request: Request) -> Response:
    """Serve the figures of a ranking."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import ranking_figures

        return ranking_figures.answer(project, ranking, log.state)

    return await _of_ranking(request, work)


async def diagnostics(request: Request) -> Response:
    """Serve the diagnostics of a draft, computed now."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import drafts

        return drafts.diagnostics(project, ranking, log, _positive(request, "budget"))

    return await _of_ranking(request, work)


async def stop(request: Request) -> Response:
    """Serve where a stop by similarity would end the search."""

    def work(project: Project, ranking: "Ranking", log: "decision_log.Log") -> Any:
        from sept_core.services.curate import stopping

        ratio = _number(request, "ratio", stopping.RATIO)
        number = int(_number(request, "round", stopping.ROUND))
        return asdict(stopping.find(ranking, log.state, ratio, number))

    return await _of_ranking(request, work)


async def facts(request: Request) -> Response:
    """Serve what is known about one image."""

    def make() -> Response:
        from sept_core.services.curate import facts as image_facts

        path = request.path_params
        with state.project(answers.key(request)) as project:
            ids = _ids(project, request)
            return JSONResponse(image_facts.facts(project, path["enc"], ids, path["uid"]))

    return await answers.answer(make, NEVER)


async def scope(request: Request) -> Response:
    """Serve the uids that a decision with a wider scope covers."""

    def make() -> Response:
        from sept_core.services.curate import scopes

        path = request.path_params
        name = request.query_params.get("scope", "")
        least = _number(request, "least", 0.6)
        with state.project(answers.key(request)) as project:
            found = scopes.expand(project, [path["uid"]], name, path["enc"], least)
        return JSONResponse({"uids": found})

    return await answers.answer(make, NEVER)


async def passing(request: Request) -> Response:
    """Serve the rows that pass a metadata filter, a named group or a word, 4 bytes each."""

    def work(project: Project, rows: "RowSpace") -> Response:
        from sept_core.services.curate import row_space, workspace

        filter_text, group, word = (
            request.query_params.get(name, "") for name in ("filter", "group", "word")
        )
        stamp = workspace.passing_stamp(project)
        found = row_space.passing(project, rows, filter_text, group, word)
        response = answers.raw(found.astype("<u4").tobytes())
        # The members of a group may change without a new revision of the files.
        return _if_current(response, not group and request.path_params["stamp"] == stamp)

    return await _of_rows(request, work)


async def search(request: Request) -> Response:
    """Serve the pool images most similar to a stored search."""

    def work(project: Project, rows: "RowSpace") -> Response:
        from sept_core.services.curate import searches

        found = searches.results(project, rows.encoder_id, request.path_params["id"])
        places = rows.rows_of(found.uids)
        known = places >= 0
        return JSONResponse(
            {
                "rows": places[known].tolist(),
                "uids": found.uids[known].astype(str).tolist(),
                "similarity": found.similarity[known].round(4).tolist(),
                "label": found.label,
            }
        )

    return await _of_rows(request, work)


async def picture(request: Request) -> Response:
    """Serve the small picture of a search by an uploaded image."""

    def make() -> Response:
        from sept_core.services.curate import searches

        with state.project(answers.key(request)) as project:
            data = searches.picture(project, request.path_params["id"])
        return Response(data, media_type="image/jpeg")

    return await answers.answer(make)


async def history(request: Request) -> Response:
    """Serve the decisions of target sets, latest first."""

    def make() -> Response:
        from sept_core.services.curate import outbox, workspace

        path = request.path_params
        with state.project(answers.key(request)) as project:
            ids = outbox.targets_of(project, path["targets"])
            return JSONResponse(workspace.history(project, ids, path["log"]))

    return await answers.answer(make, NEVER)  # names who signs, which may change


async def selections(request: Request) -> Response:
    """Serve the saved selections."""

    def make() -> Response:
        from sept_core.services.curate import drafts, workspace

        with state.project(answers.key(request)) as project:
            stamp = workspace.selections_stamp(project)
            response = JSONResponse(drafts.saved(project))
        return _if_current(response, request.path_params["stamp"] == stamp)

    return await answers.answer(make)


async def picked(request: Request) -> Response:
    """Serve the uids of a saved selection, in selected order."""

    def make() -> Response:
        from sept_core.services.curate import selections as saved

        with state.project(answers.key(request)) as project:
            picks = saved.picks(project, request.path_params["id"])
        return JSONResponse({"uids": picks["uid"].to_pylist()})

    return await answers.answer(make)


async def compare(request: Request) -> Response:
    """Serve the overlap and the diagnostics of two selections."""

    def make() -> Response:
        from sept_core.services.curate import drafts

        path = request.path_params
        with state.project(answers.key(request)) as project:
            return JSONResponse(drafts.compared(project, path["a"], path["b"]))

    return await answers.answer(make, NEVER)


async def pulse(request: Request) -> Response:
    """Serve the names of the decision log and the row space."""

    def make() -> Response:
        from sept_core.services.curate import workspace

        encoder = request.query_params.get("encoder") or None
        with state.project(answers.key(request)) as project:
            return JSONResponse(workspace.pulse(project, encoder, _names(request)))

    return await answers.answer(make, NEVER)


PATHS: dict[str, Endpoint] = {
    "/curate/sheet/{key}/{log}/{reach:int}": sheet,
    "/curate/progress/{key}": progress,
    "/curate/order/{key}/{log}/{budget:int}/{name}": order,
    "/curate/audit/{key}/{log}/{budget:int}": audit,
    "/curate/figures/{key}/{log}": figures,
    "/curate/stop/{key}/{log}": stop,
    "/curate/diagnostics/{key}/{log}/{budget:int}": diagnostics,
    "/curate/history/{targets}/{log}": history,
    "/curate/selections/{stamp}": selections,
    "/curate/picked/{id}": picked,
    "/curate/compare/{a}/{b}": compare,
    "/curate/pulse": pulse,
    "/curate/picture/{id}": picture,
    "/curate/{enc}/uids/{rows}/{page:int}": uids,
    "/curate/{enc}/points/{rows}/{map}": points,
    "/curate/{enc}/clusters/{rows}/{map}": clusters,
    "/curate/{enc}/colours/{rows}/{stamp}": colours,
    "/curate/{enc}/targets/{stamp}": targets,
    "/curate/{enc}/facts/{uid}": facts,
    "/curate/{enc}/scope/{uid}": scope,
    "/curate/{enc}/rows/{rows}/{stamp}": passing,
    "/curate/{enc}/search/{rows}/{id}": search,
}
