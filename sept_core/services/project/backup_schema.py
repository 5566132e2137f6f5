"""Schema of a backup: every value must have the type and form in which SEPT writes it.

In: JSON from an untrusted file; its checksum detects damage, not manipulation. Out: the same JSON,
or an error of one sentence. Ids of selections and encoders become file names, ids of sources are
counters, and foreign text is stored: each is validated here.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from sept_core import errors
from sept_core.catalogue import filters
from sept_core.imaging import pixel_values
from sept_core.ingest import sources
from sept_core.review import decision_log
from sept_core.selection.settings import SelectionSettings
from sept_core.services.curate import groups
from sept_core.storage import project_paths
from sept_core.targets.options import Options


def check(content: Any) -> None:
    """Refuse content that SEPT did not write.

    Raises:
        IntegrityError: names the position in the backup and the problem.
    """
    try:
        _Content.model_validate(content)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "content"
        raise errors.IntegrityError(f"{where}: {first['msg']}") from None


def _a_path(text: str) -> str:
    if "\0" in text:
        raise ValueError("it is not a path")
    return text


def _text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it is not valid text (an unpaired surrogate)") from None
    return text


def _ranges(texts: list[str]) -> list[str]:
    try:
        pixel_values.parse(texts)
    except errors.InputError as problem:
        raise ValueError(str(problem)) from None
    return texts


def _unlike(names: list[Any], what: str) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"two {what} share a name")


SourceId = Annotated[str, Field(pattern=r"^s[1-9][0-9]{0,5}$")]
Name = Annotated[str, Field(pattern=f"^{project_paths.NAME_PATTERN.pattern}$")]
EncoderId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Text = Annotated[str, AfterValidator(_text)]
Uid = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
FilePath = Annotated[Text, AfterValidator(_a_path)]
Position = Annotated[int, Field(ge=1, lt=1 << 31)]


class _Part(BaseModel):
    """Base with strict types ("5" is not a number), which refuses unknown keys."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        defer_build=True,  # keeps the start-up of other commands fast
    )


class _Source(_Part):
    id: SourceId
    role: Literal["pool", "target"]
    name: Name
    kind: Text
    path: FilePath
    root: FilePath
    options: dict[Text, Text]
    note: Text
    added_at: float

    @model_validator(mode="after")
    def _kind_is_known(self) -> Self:
        if self.kind not in (*sources.KINDS, "features"):
            raise ValueError(f"{self.kind!r} is not a kind of source")
        try:
            Options.read(self.options, (), str)
        except errors.InputError as problem:
            raise ValueError(str(problem)) from None
        return self


class _Decision(_Part):
    position: Position
    target_id: SourceId
    at: Text
    who: Text
    action: Text
    scope: Text
    reason: Text
    uids: list[Uid]
    undoes: list[Position] | None

    @model_validator(mode="after")
    def _can_be_replayed(self) -> Self:
        values = self.model_dump(exclude={"target_id"})
        try:
            decision_log.Event(**values)
        except errors.InputError as problem:
            raise ValueError(str(problem)) from None
        return self


class _Guard(_Part):
    model_config = ConfigDict(extra="allow")
    state: Literal["on", "off", "none"]


class _Selection(_Part):
    """Record of a selection, from which its picks are recomputed."""

    model_config = ConfigDict(extra="allow")
    id: Name
    target_ids: list[SourceId]
    settings: dict[str, Any]
    encoder_id: EncoderId
    filter: Text
    guard: _Guard
    pool_fingerprint: Text
    decision_hash: Text
    count: int
    decisions: bool = True
    group: list[Text] = []

    @model_validator(mode="after")
    def _can_be_made_again(self) -> Self:
        try:
            SelectionSettings(**self.settings)
            filters.to_sql(filters.parse(self.filter))
        except (TypeError, errors.SeptError) as problem:
            raise ValueError(str(problem)) from None
        return self


class _Settings(_Part):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[list[Uid], Field(min_length=1)]]
    who: Text = ""
    title: Text = ""
    encoder: Text = ""
    value_ranges: Annotated[list[Text], AfterValidator(_ranges)] = []

    @model_validator(mode="after")
    def _others_are_groups(self) -> Self:
        for key in self.__pydantic_extra__:
            name = key.removeprefix(groups.PREFIX)
            if name == key or not project_paths.NAME_PATTERN.fullmatch(name):
                raise ValueError(f"{key!r} is not a project setting")
        return self


class _Content(_Part):
    made_at: float
    sources: list[_Source]
    decisions: list[_Decision]
    selections: list[_Selection]
    settings: _Settings

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _unlike([source.id for source in self.sources], "sources")
        _unlike([(source.role, source.name) for source in self.sources], "sources")
        _unlike([selection.id for selection in self.selections], "selections")
        positions = [decision.position for decision in self.decisions]
        if positions != sorted(set(positions)):
            raise ValueError("the decisions are not ordered by position")
        return self
