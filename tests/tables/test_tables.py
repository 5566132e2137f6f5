"""Tables of images: which column is read, and what it holds."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from small_tables import Listed, listed, picture, write

from sept_core import errors
from sept_core.imaging import images
from sept_core.ingest import sources
from sept_core.tables import tables
from sept_core.tables.formats import held, packed

N = 5
NAMES = [f"imgs/{number}.jpg" for number in range(N)]
DATA = [picture(number) for number in range(N)]
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
BOTH = pa.array([{"bytes": b, "path": n} for b, n in zip(DATA, NAMES, strict=True)], STRUCT)
LABELS = ["cat", "dog", "cat", "dog", "cat"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, data in zip(NAMES, DATA, strict=True):
        write(tmp_path / name, data)
    return tmp_path


def parquet(
    folder: Path, columns: dict[str, object], name: str = "t.parquet", **options: int
) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), folder / name, **options)
    return folder / name


def assert_images(found: Listed, count: int = N) -> None:
    assert (found.data, found.problems) == (DATA[:count], {})


# --- images by the type of their column ---

PACKED = [base64.b64encode(data).decode() for data in DATA]

KINDS = {
    "binary": pa.array(DATA),
    "large binary": pa.array(DATA, pa.large_binary()),
    "binary view": pa.array(DATA, pa.binary_view()),
    "dictionary": pa.array(DATA).dictionary_encode(),
    "fixed size": pa.array([d.ljust(2000, b"\0") for d in DATA], pa.binary(2000)),
    "struct": BOTH,
    "large struct": BOTH.cast(pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])),
    "struct, bytes last": pa.array(
        [{"path": n, "bytes": b} for n, b in zip(NAMES, DATA, strict=True)],
        pa.struct([("path", pa.string()), ("bytes", pa.binary())]),
    ),
    "numbers": pa.array([list(data) for data in DATA], pa.list_(pa.uint8())),
    "base64": pa.array(PACKED),
    "base64 with a prefix": pa.array([f"data:image/jpeg;base64,{text}" for text in PACKED]),
    "paths": pa.array(NAMES),
    "large paths": pa.array(NAMES, pa.large_string()),
    "path view": pa.array(NAMES, pa.string_view()),
    "dictionary of paths": pa.array(NAMES).dictionary_encode(),
    "struct of paths": pa.array([{"bytes": None, "path": n} for n in NAMES], STRUCT),
    "path in a struct": pa.array([{"path": n, "width": 3} for n in NAMES]),
}
LISTS = {
    "list of binary": pa.array([[data] for data in DATA]),
    "large list": pa.array([[data] for data in DATA], pa.large_list(pa.binary())),
    "list of structs": pa.array([[value] for value in BOTH.to_pylist()], pa.list_(STRUCT)),
    "fixed size list": pa.array([[data] for data in DATA], pa.list_(pa.binary(), 1)),
    "list of paths": pa.array([[name] for name in NAMES]),
}
NESTED = {
    "binary in a struct": pa.array([{"jpg": data, "n": 3} for data in DATA]),
    "struct in a struct": pa.array([{"picture": value} for value in BOTH.to_pylist()]),
    "list in a struct": pa.array([{"pictures": [data]} for data in DATA]),
    "struct in a list": pa.array([[{"picture": data, "n": 3}] for data in DATA]),
}
EVERY = KINDS | LISTS | NESTED


@pytest.mark.parametrize("form", ["parquet", "arrow", "feather"])
@pytest.mark.parametrize("kind", EVERY)
def test_images_of_every_type(home: Path, kind: str, form: str) -> None:
    table = pa.table({"label": LABELS, "image": EVERY[kind]})
    path = home / f"t.{form}"
    if form == "parquet":
        pq.write_table(table, path, row_group_size=2)
    elif form == "feather":
        pa.feather.write_feather(table, path)
    else:
        with pa.ipc.new_stream(path, table.schema) as out:
            out.write_table(table, max_chunksize=2)
    found = listed(path)
    data = [data.rstrip(b"\0") for data in found.data] if kind == "fixed size" else found.data
    assert (data, found.problems) == (DATA, {})
    assert [values["label"] for values in found.values] == LABELS


def test_several_images_in_a_row(home: Path) -> None:
    rows = [[DATA[0], DATA[1]], [], None, [DATA[2]], [DATA[3], None, DATA[4]]]
    found = listed(parquet(home, {"images": pa.array(rows, pa.list_(pa.binary()))}))
    assert found.files == ["0:images:0", "0:images:1", "3:images:0", "4:images:0", "4:images:2"]
    assert found.data == DATA
    assert found.problems == dict.fromkeys(
        ["1:images", "2:images", "4:images:1"], "no image in this row"
    )
    paths = listed(parquet(home, {"images": pa.array([NAMES[:2], [], NAMES[2:]])}))
    assert (paths.files, paths.problems) == (NAMES, {"row 1": "no images in this row"})


def test_rows_without_bytes_fall_back_on_their_path(home: Path) -> None:
    rows = [
        {"bytes": None, "path": NAMES[0]},
        {"bytes": DATA[1], "path": "gone.jpg"},
        {"bytes": b"", "path": NAMES[2]},
        {"bytes": None, "path": "gone.jpg"},
        {"bytes": None, "path": None},
        None,
    ]
    found = listed(parquet(home, {"image": pa.array(rows, STRUCT)}, row_group_size=2))
    assert found.files == [NAMES[0], "1", NAMES[2]]
    assert found.data == DATA[:3]
    assert found.problems == {
        "gone.jpg": "missing file",
        "4": "no image in this row",
        "5": "no image in this row",
    }


def test_large_row_groups_are_read_in_bounded_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = pa.array([*DATA[:2], None, *DATA[2:]])
    path = parquet(home, {"image": column}, row_group_size=3)
    monkeypatch.setattr(held, "MAX_GROUP_BYTES", 0)
    found = listed(path)
    assert (found.data, found.problems) == (DATA, {"2": "no image in this row"})
    with sources.ByteReader({"pool": home}) as reader:
        wanted = [5, 0, 4, 1, 3] * 8
        barrier = threading.Barrier(4)

        def read(rows: list[int]) -> list[bytes]:
            barrier.wait()
            return [reader.read("pool", "t.parquet", str(row)) for row in rows]

        with ThreadPoolExecutor(4) as pool:
            for data in pool.map(read, [wanted, wanted[::-1], wanted[7:], wanted[3:]]):
                assert len(data) > 30
        assert reader.read("pool", "t.parquet", "5") == DATA[4]
        with pytest.raises(images.RejectedImage, match="no such row"):
            reader.read("pool", "t.parquet", "6")


# --- which column ---


@pytest.mark.parametrize(
    ("columns", "options"),
    [
        ({"emb": [b"\0" * 64] * N, "image_path": NAMES}, {}),
        ({"label": LABELS, "where": NAMES}, {}),
        ({"label": LABELS, "Image Path": NAMES}, {}),
        ({"file": LABELS, "where": NAMES}, {}),
        ({"image": LABELS, "filename": NAMES}, {}),
        ({"image": list(range(N)), "where": NAMES}, {}),
        ({"path": ["https://x.org/a.jpg"] * N, "local": NAMES}, {}),
        ({"url": ["https://x.org/a.jpg"] * N, "key": NAMES}, {}),
        ({"image": DATA, "thumbnail": DATA[::-1]}, {}),
        ({"image": DATA, "mask": [b"\0"] * N, "label": LABELS}, {}),
        ({"data": [b"no"] * N, "picture": DATA}, {}),
        ({"data": [b"no"] * N, "filename": NAMES}, {}),
        ({"label": LABELS, "data": DATA, "path": ["gone.jpg"] * N}, {}),
        ({"image": BOTH, "mask": BOTH}, {}),
        ({"left": DATA[::-1], "right": DATA}, {"image_column": "right"}),
        ({"left": NAMES[::-1], "right": NAMES}, {"path_column": "right"}),
        ({"left": NAMES[::-1], "right": NAMES}, {"image_column": "right"}),
        ({"image": DATA[::-1], "path": NAMES}, {"path_column": "path"}),
        ({"image": [None] * 3 + DATA[3:], "path": NAMES}, {"path_column": "path"}),
    ],
)
def test_the_column_is_chosen_by_what_is_behind_it(
    home: Path, columns: dict[str, object], options: dict[str, str]
) -> None:
    assert_images(listed(parquet(home, columns), **options))


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (
            {"left": DATA, "right": DATA},
            r"several columns of images: left, right; .* --image-column",
        ),
        (
            {"left": NAMES, "right": NAMES},
            r"several columns of paths: left, right; .* --path-column",
        ),
        (
            {"label": LABELS},
            r"no recognised column .* --path-column NAME .*: label \('cat'\)",
        ),
        ({"label": LABELS, "split": ["train"] * N}, "no recognised column"),
        ({"url": ["https://x.org/a.jpg"] * N}, "URLs in its column 'url'"),
        ({"emb": pa.array([[0.5] * 4] * N)}, "no recognised column .* none"),
    ],
)
def test_what_no_column_can_be_chosen_from(
    home: Path, columns: dict[str, object], reason: str
) -> None:
    with pytest.raises(errors.SourceError, match=reason):
        listed(parquet(home, columns))


def test_a_label_is_not_taken_for_the_stem_of_a_file(tmp_path: Path) -> None:
    for name in ("cat.jpg", "dog.jpg"):
        write(tmp_path / name, picture(1))
    rows = [{"breed": name, "n": n} for n, name in enumerate(LABELS)]
    path = write(tmp_path / "t.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(errors.SourceError, match="no recognised column"):
        listed(path)


def test_a_chosen_column_stays_chosen(home: Path) -> None:
    path = parquet(home, {"b": DATA, "label": LABELS})
    spec = listed(path).spec
    assert spec.options == {}
    path = parquet(home, {"a": [b"no"] * N, "b": DATA})
    found = listed(path)
    assert found.spec.options == {"image_column": "b"}
    assert found.files == [f"{row}:b" for row in range(N)]


def test_other_columns_are_named_to_the_user(home: Path) -> None:
    spec = listed(parquet(home, {"image": DATA, "mask": DATA})).spec
    assert sources.describe(spec) == ["ignored columns of bytes: mask"]
    spec = listed(parquet(home, {"left": DATA, "n": LABELS}), image_column="left").spec
    assert sources.describe(spec) == ["column of images: 'left'"]


# --- base64 ---


@pytest.mark.parametrize("name", ["image", "img_b64", "picture"])
@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "tsv"])
def test_base64_is_told_by_its_look(tmp_path: Path, name: str, suffix: str) -> None:
    wrapped = PACKED[0][:76] + "\n" + PACKED[0][76:]
    texts = [wrapped, f"data:image/jpeg;base64,{PACKED[1]}", PACKED[2].rstrip("="), *PACKED[3:]]
    rows = [{"label": n, name: text} for n, text in zip(LABELS, texts, strict=True)]
    if suffix == "json":
        text = json.dumps(rows)
    elif suffix == "jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        between = "," if suffix == "csv" else "\t"
        text = f"label{between}{name}\n" + "".join(
            f'{r["label"]}{between}"{r[name]}"\n' for r in rows
        )
    found = listed(write(tmp_path / f"t.{suffix}", text))
    assert_images(found)
    assert found.values[1] == {"label": "dog"}


def test_base64_without_a_header(tmp_path: Path) -> None:
    text = "".join(f"{n}\t{packed}\n" for n, packed in enumerate(PACKED))
    for name in ("t.tsv", "t.txt"):
        found = listed(write(tmp_path / name, text))
        assert_images(found)
        assert found.values[3] == {"id": "3"}


def test_broken_base64_is_named_and_never_quoted(tmp_path: Path) -> None:
    texts = [PACKED[0], PACKED[1][:-9] + "*", "", "x*z"]
    rows = "".join(json.dumps({"image": text}) + "\n" for text in texts)
    found = listed(write(tmp_path / "t.jsonl", rows))
    assert found.data == DATA[:1]
    assert all(len(problem) < 80 for problem in found.problems.values())
    assert "characters that are not base64" in found.problems["1:image"]
    assert found.problems["2:image"] == "no image in this row"


@pytest.mark.parametrize(
    "text", ["", "cat", "abcdefghijklmnopqrstuvwxyz012345", "deadbeef" * 8, "/9j/"]
)
def test_words_and_hashes_are_no_base64(text: str) -> None:
    assert not packed.is_packed(text)


# --- JSON ---


@pytest.mark.parametrize(
    "document",
    [
        [{"file_name": name} for name in NAMES],
        NAMES,
        {"info": {}, "images": [{"id": n, "file_name": name} for n, name in enumerate(NAMES)]},
        {"data": [{"meta": {"path": name}} for name in NAMES]},
        dict.fromkeys(NAMES, "cat"),
        {name: {"label": "cat"} for name in NAMES},
        [{"image": {"path": name, "bytes": None}, "label": "cat"} for name in NAMES],
        [{"image": name, "conversations": [{"from": "human"}]} for name in NAMES],
        [{"images": [{"path": name}]} for name in NAMES],
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_json_documents(home: Path, document: object, indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    assert_images(listed(write(home / "t.json", text)))
    assert_images(
        listed(write(home / "t.jsonl", text)) if text[0] == "[" else listed(home / "t.json")
    )


def test_lines_in_a_file_called_json(home: Path) -> None:
    lines = "".join(json.dumps({"path": name}) + "\n\n" for name in NAMES)
    assert_images(listed(write(home / "t.json", lines)))
    assert_images(listed(write(home / "t.ndjson", lines)))


def test_classes_of_coco(home: Path) -> None:
    document = {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(NAMES)],
        "annotations": [
            *({"image_id": n, "category_id": 7} for n in (0, 0, 1)),
            *({"image_id": 2, "category_id": c} for c in (7, 8)),
        ],
        "categories": [{"id": 7, "name": "cat"}, {"id": 8, "name": "dog"}],
    }
    found = listed(write(home / "coco.json", json.dumps(document)))
    assert [values.get("label") for values in found.values] == ["cat", "cat", None, None, None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is not JSON"),
        ('{"a": 1}', "contains no list of records"),
        ("[1, 2]", "no recognised column"),
    ],
)
def test_json_that_is_no_table(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(errors.SourceError, match=reason):
        listed(write(tmp_path / "t.json", text))


# --- folders of tables ---


def test_hugging_face_shards_are_one_source(home: Path) -> None:
    repo = home / "repo"
    columns = {"image": pa.array([{"bytes": b, "path": "x.jpg"} for b in DATA], STRUCT)}
    parquet(repo, columns, "data/train-00000-of-00002.parquet", row_group_size=2)
    parquet(repo, columns | {"label": LABELS}, "data/train-00001-of-00002.parquet")
    parquet(repo, {"path": pa.array(["x.jpg"])}, "data/test-00000-of-00001.parquet")
    parquet(repo, {"label": LABELS}, "data/validation-00000-of-00001.parquet")
    write(repo / "README.md", "x")
    write(repo / ".cache/x.parquet", "x")
    found = listed(repo)
    assert (found.spec.kind, found.spec.root) == ("tables", repo)
    assert (found.data, len(found.files)) == (DATA * 2, 2 * N)
    assert found.values[-1] == {"label": "cat"}
    assert {place: reason.split(";")[0] for place, reason in found.problems.items()} == {
        ".cache": "hidden folder",
        "README.md": "not a table of this source",
        "data/x.jpg": "missing file",
        "data/validation-00000-of-00001.parquet": (
            "data/validation-00000-of-00001.parquet has no recognised column of paths or images"
        ),
    }
    pattern = listed(repo / "data/train-*.parquet")
    assert (pattern.spec.kind, pattern.data) == ("tables", DATA * 2)


def test_shards_that_name_files_of_another_machine(home: Path) -> None:
    for number in range(2):
        names = [f"/mnt/old/{name}" for name in NAMES[number * 2 : number * 2 + 2]]
        parquet(home / "lists", {"path": names, "n": [0, 1]}, f"{number}.parquet")
    found = listed(home / "lists", root=str(home))
    assert (found.files, found.problems) == (NAMES[:4], {})


def test_a_shard_that_is_damaged_does_not_hide_the_others(home: Path) -> None:
    parquet(home / "s", {"image": DATA}, "1.parquet")
    write(home / "s/0.parquet", b"PAR1" * 10)
    write(home / "s/2.parquet", (home / "s/1.parquet").read_bytes()[:-100])
    found = listed(home / "s")
    assert found.data == DATA
    assert all("is not a parquet table" in reason for reason in found.problems.values())
    assert sorted(found.problems) == ["0.parquet", "2.parquet"]


def test_saved_datasets_of_hugging_face(tmp_path: Path) -> None:
    table = pa.table({"image": BOTH, "label": [0, 1, 0, 1, 0]}).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": {"label": {"names": ["cat", "dog"]}}}})}
    )
    for split in ("test", "train"):
        path = write(tmp_path / split / "data-00000-of-00001.arrow", b"")
        with pa.ipc.new_stream(path, table.schema) as out:
            out.write_table(table, max_chunksize=2)
        write(tmp_path / split / "dataset_info.json", "{}")
        write(tmp_path / split / "state.json", "{}")
    write(tmp_path / "dataset_dict.json", "{}")
    found = listed(tmp_path)
    assert (found.spec.kind, found.data) == ("tables", DATA * 2)
    assert [values["label"] for values in found.values] == LABELS * 2


def test_a_folder_of_images_with_a_table_stays_a_folder(home: Path) -> None:
    parquet(home, {"path": NAMES})
    assert listed(home).spec.kind == "folder"


def test_images_in_the_tables_of_img2dataset(tmp_path: Path) -> None:
    status = ["success", "success", "failed_to_download", "success", "success"]
    data = [DATA[0], DATA[1], None, None, DATA[4]]
    columns = {
        "url": [f"https://x.org/{n}.jpg" for n in range(N)],
        "key": [f"{n:09}" for n in range(N)],
        "status": status,
        "error_message": [None, None, "HTTP 404", None, None],
        "jpg": pa.array(data, pa.binary()),
    }
    parquet(tmp_path, columns, "00000.parquet")
    write(tmp_path / "00000_stats.json", "{}")
    found = listed(tmp_path)
    assert found.spec.kind == "img2dataset"
    assert found.data == [DATA[0], DATA[1], DATA[4]]
    assert found.values[0]["key"] == "000000000"
    assert found.problems == {
        "2": "not downloaded: failed_to_download HTTP 404",
        "3": "no image in this row",
    }


def test_formats_that_are_told_apart_by_their_names() -> None:
    names = ["a.csv", "a.CSV.GZ", "a.tsv", "a.jsonl.xz", "a.parquet", "a.arrow", "a.txt", "a.lst"]
    assert all(map(tables.is_table, names))
    assert not any(map(tables.is_table, ["a.tar.gz", "a.parquet.gz", "a.jpg", "a.gz", "a"]))
    assert [name for name in names if tables.is_list(name)] == ["a.txt", "a.lst"]
