"""Pools from data sets on the Hugging Face hub, at a local stand-in for it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import hub_server
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_project import HUES, picture, png, sept

from sept_core import errors
from sept_core.ingest import sources
from sept_core.remote import failures, hub_datasets, requests
from sept_core.remote import hub as remote_hub

FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": list(HUES), "_type": "ClassLabel"},
}


def write_parquet(path: Path, start: int, count: int) -> None:
    """Write images as `datasets` stores them: a struct of bytes and path, and classes."""
    rows = [(family, start + number) for number in range(count) for family in HUES]
    path.parent.mkdir(parents=True, exist_ok=True)
    image = [{"bytes": png(picture(f, n, 24)), "path": f"{f}-{n}.png"} for f, n in rows]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            "image": pa.array(image, kind),
            "label": pa.array([list(HUES).index(f) for f, _ in rows], pa.int64()),
        }
    )
    about = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    pq.write_table(table.replace_schema_metadata(about), path)


Served = Callable[..., tuple[str, list[str]]]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of data sets that a stand-in for the hub serves."""
    folder = tmp_path / "hub"
    main = folder / "ana" / "shapes" / "main"
    write_parquet(main / "data" / "train-00000-of-00002.parquet", 0, 2)
    write_parquet(main / "data" / "train-00001-of-00002.parquet", 10, 2)
    write_parquet(main / "data" / "test-00000-of-00001.parquet", 20, 1)
    (main / "README.md").write_text("---\nlicense: mit\n---\n")
    (main / ".gitattributes").write_text("*.parquet filter=lfs\n")
    monkeypatch.setenv("SEPT_REMOTE_PATIENCE", "0.5")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no token"))
    with hub_server.serving(folder) as (endpoint, _):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        requests.forget()
        yield folder
    requests.forget()


def test_a_split_is_a_pool(hub: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    sept("init", project)
    added = sept("pool", "add", project, "h", "hf://datasets/ana/shapes/train", "--json")
    assert added.returncode == 0, added.stderr
    commit = hub_server.commit_of("ana/shapes", "main")
    status = json.loads(sept("status", project, "--json").stdout)
    assert status["pool"]["files"] == 16
    assert f"ana/shapes@{commit}/data/train-*.parquet" in json.dumps(status)
    embedded = sept("embed", project, "--encoder", "bundled")
    assert embedded.returncode == 0, embedded.stderr
    status = json.loads(sept("status", project, "--json").stdout)
    assert status["pool"]["images"] == 16


def test_whole_data_sets_and_paths(hub: Path) -> None:
    base = f"hf:/datasets/ana/shapes@{hub_server.commit_of('ana/shapes', 'main')}"
    whole = sources.detect("h", Path("hf://datasets/ana/shapes"))
    assert (str(whole.path), whole.kind) == (base, "tables")
    entries = [e for e in sources.scan(whole) if e.problem is None]
    assert len(entries) == 20 and {e.metadata["label"] for e in entries} == set(HUES)
    with sources.ByteReader({"h": whole.root}) as reader:
        one = entries[0]
        assert reader.read("h", one.rel_path, one.member).startswith(b"\x89PNG")
    file = "data/test-00000-of-00001.parquet"
    assert str(hub_datasets.pinned(Path(f"hf:/datasets/ana/shapes/{file}"))) == (
        f"hf://datasets/ana/shapes@{base[-40:]}/{file}".replace("//", "/", 1)
    )


def test_splits_of_the_hub_s_own_parquet_files(hub: Path) -> None:
    scripted = hub / "ana" / "scripted" / "main"
    scripted.mkdir(parents=True)
    (scripted / "README.md").write_text("")
    write_parquet(hub / "ana" / "scripted" / "refs~convert" / "default/train/0000.parquet", 0, 1)
    found = hub_datasets.pinned(Path("hf:/datasets/ana/scripted/train"))
    assert str(found).endswith("/default/train/*.parquet")
    with pytest.raises(errors.SourceError, match="its splits are train"):
        hub_datasets.pinned(Path("hf:/datasets/ana/scripted/validation"))
    with pytest.raises(errors.SourceError, match="its splits are test, train"):
        hub_datasets.pinned(Path("hf:/datasets/ana/shapes/validation"))


def test_an_outage_is_not_taken_for_a_missing_split(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = remote_hub.commit

    def failing(repository: str, revision: str | None) -> str:
        if revision == hub_datasets.CONVERTED:
            raise failures.Unreachable("no connection, or it broke off")
        return real(repository, revision)

    monkeypatch.setattr(remote_hub, "commit", failing)
    with pytest.raises(errors.SourceError, match="no connection"):
        sources.detect("h", Path("hf:/datasets/ana/shapes/validation"))


def test_places_are_allowed_by_prefix(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Path("hf:/datasets/ana/shapes/train")
    monkeypatch.setenv("SEPT_REMOTES", "hf://datasets/ana/other")
    with pytest.raises(errors.SourceError, match="SEPT_REMOTES"):
        sources.detect("h", place)
    monkeypatch.setenv("SEPT_REMOTES", "s3://bucket,hf://datasets/ana/shapes")
    assert list(sources.scan(sources.detect("h", place)))
    monkeypatch.delenv("SEPT_REMOTES")
    monkeypatch.setenv("SEPT_LOGIN", "password")
    with pytest.raises(errors.SourceError, match="SEPT_REMOTES"):
        sources.detect("h", place)


def test_missing_and_private_data_sets(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("hf://datasets/ana", "hf://models/ana/shapes"):
        with pytest.raises(errors.SourceError, match="names no data set"):
            sources.detect("h", Path(address))
    with pytest.raises(errors.SourceError, match="cannot be read"):
        sources.detect("h", Path("hf://datasets/ana/none/train"))
    with hub_server.serving(hub, private=True) as (endpoint, _):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        requests.forget()
        with pytest.raises(errors.SourceError, match="needs a token") as refused:
            sources.detect("h", Path("hf://datasets/ana/shapes/train"))
        assert endpoint not in str(refused.value)
        monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
        requests.forget()
        spec = sources.detect("h", Path("hf://datasets/ana/shapes/train"))
        assert len(list(sources.scan(spec))) == 16 and hub_server.TOKEN not in str(spec)
