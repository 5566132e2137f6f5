"""Delimited text and lists: how they are cut, and what becomes of broken rows."""

import gzip
from pathlib import Path

import pytest
from small_tables import listed, picture, write

from sept_core.ingest import sources

NAMES = ["imgs/0.jpg", "imgs/1.jpg", "imgs/2.jpg"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        write(tmp_path / name, picture(number))
    return tmp_path


def table(*rows: str, header: str = "path,label", end: str = "\n") -> str:
    return "".join(line + end for line in (header, *rows))


PLAIN = [f"{name},cat" for name in NAMES]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.csv", table(*PLAIN)),
        ("crlf.csv", table(*PLAIN, end="\r\n")),
        ("cr.csv", table(*PLAIN, end="\r")),
        ("bom.csv", table(*PLAIN).encode("utf-8-sig")),
        ("utf16.csv", table(*PLAIN).encode("utf-16")),
        ("utf16be.csv", table(*PLAIN).encode("utf-16-be")),
        ("utf32.csv", table(*PLAIN).encode("utf-32")),
        ("packed.csv.gz", gzip.compress(table(*PLAIN).encode(), mtime=0)),
        ("semicolon.csv", table(*PLAIN).replace(",", ";")),
        ("tab.csv", table(*PLAIN).replace(",", "\t")),
        ("tab.tsv", table(*PLAIN).replace(",", "\t")),
        ("tab.tab", table(*PLAIN).replace(",", "\t")),
        ("bar.psv", table(*PLAIN).replace(",", "|")),
        ("spaces.csv", table(*PLAIN).replace(",", ", ")),
        ("around.csv", table(*PLAIN).replace(",", " , ").replace(" , cat", " ,cat")),
        ("capitals.csv", table(*PLAIN, header="Path,label")),
        ("blank.csv", table(*PLAIN, end="\n\n")),
        ("noheader.csv", "\n".join(PLAIN)),
        ("labelfirst.csv", "\n".join(f"cat,{name}" for name in NAMES)),
        ("hint.csv", "sep=;\n" + table(*PLAIN).replace(",", ";")),
        ("comment.csv", "# made by hand\n" + table(*PLAIN) + "# the end\n"),
        ("commented-header.csv", "#" + table(*PLAIN)),
        ("ends.csv", table(*(f"{row}," for row in PLAIN), header="path,label,")),
        ("ends2.csv", table(*(f"{row}," for row in PLAIN))),
        ("quoted.csv", table(*(f'"{name}","cat"' for name in NAMES), header='"path","label"')),
        ("single.csv", table(*(f"'{name}','cat'" for name in NAMES), header="'path','label'")),
        ("list.txt", "\n".join(f"{name} cat" for name in NAMES)),
        ("headed.txt", "filename label\n" + "\n".join(f"{name} cat" for name in NAMES)),
        ("headed-tabs.txt", "filename\tlabel\n" + "\n".join(f"{name}\tcat" for name in NAMES)),
        ("tabs.txt", "\n".join(f"{name}\tcat" for name in NAMES)),
        ("commas.txt", "\n".join(f"{name},cat" for name in NAMES)),
        ("quoted.txt", "\n".join(f'"{name}" cat' for name in NAMES)),
        ("header.tsv", table(*PLAIN, header="filename,label").replace(",", "\t")),
    ],
)
def test_every_dialect_says_the_same(home: Path, name: str, content: str | bytes) -> None:
    found = listed(write(home / name, content))
    assert (found.files, found.problems) == (NAMES, {})
    assert found.values == [{"label": "cat"}] * 3
    assert found.data == [picture(number) for number in range(3)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.txt", "\n".join(NAMES)),
        ("crlf.txt", "\r\n".join(NAMES)),
        ("bom.txt", "\n".join(NAMES).encode("utf-8-sig")),
        ("utf16.txt", "\n".join(NAMES).encode("utf-16")),
        ("headed.txt", "file_name\n" + "\n".join(NAMES)),
        ("comment.txt", "# a list\n\n" + "\n".join(NAMES)),
        ("blanks.txt", "  \n".join(NAMES)),
        ("quoted.txt", "\n".join(f'"{name}"' for name in NAMES)),
        ("dot.txt", "\n".join(f"./{name}" for name in NAMES)),
        ("backslash.txt", "\n".join(NAMES).replace("/", "\\")),
        ("one.csv", "path\n" + "\n".join(NAMES)),
        ("bare.csv", "\n".join(NAMES)),
    ],
)
def test_every_list_says_the_same(home: Path, name: str, content: str | bytes) -> None:
    found = listed(write(home / name, content))
    assert (found.files, found.values, found.problems) == (NAMES, [{}] * 3, {})


def test_paths_with_blanks_before_a_label(tmp_path: Path) -> None:
    names = ["my dir/a b.jpg", "my dir/c.jpg.jpg"]
    for name in names:
        write(tmp_path / name, picture(1))
    lines = f"{names[0]} 3\n{names[1]}  7 1\n"
    found = listed(write(tmp_path / "list.txt", lines))
    assert found.files == names
    assert [values["label"] for values in found.values] == ["3", "7 1"]


def test_numbered_lists(home: Path) -> None:
    cub = listed(
        write(home / "images.txt", "".join(f"{n} {name}\n" for n, name in enumerate(NAMES)))
    )
    assert (cub.files, cub.values[1]) == (NAMES, {"number": "1"})
    lines = "".join(f"{n}\t{n % 2}\t{name}\n" for n, name in enumerate(NAMES))
    mxnet = listed(write(home / "train.lst", lines))
    assert (mxnet.files, mxnet.values[1]["label"]) == (NAMES, "1")


def test_a_name_that_begins_like_a_comment(tmp_path: Path) -> None:
    write(tmp_path / "#1.jpg", picture(1))
    found = listed(write(tmp_path / "list.txt", "#1.jpg\n#2.jpg\n"))
    assert (found.files, found.problems) == (["#1.jpg"], {})


def test_values_keep_their_kind(home: Path) -> None:
    header = "path,label,n,x,flag,when,mixed"
    rows = [f"{NAMES[0]},007,3,0.5,true,2024-01-01,7", f"{NAMES[1]},,NA,nan,false,,seven"]
    found = listed(write(home / "t.csv", table(*rows, header=header)))
    assert found.values == [
        {"label": "007", "n": 3, "x": 0.5, "flag": True, "when": "2024-01-01", "mixed": "7"},
        {"label": None, "n": None, "x": None, "flag": False, "when": None, "mixed": "seven"},
    ]


def test_columns_without_a_name_or_with_the_same(home: Path) -> None:
    rows = [f"{n},{name},a,b" for n, name in enumerate(NAMES)]
    found = listed(write(home / "t.csv", table(*rows, header=",path,x,x")))
    assert found.values[2] == {"column 1": 2, "x": "a", "x_2": "b"}
    rows = [f'"r{n}" "{name}" "cat"'.replace(" ", ",") for n, name in enumerate(NAMES)]
    names_of_rows = listed(write(home / "r.csv", table(*rows, header='"path","label"')))
    assert names_of_rows.values[0] == {"column 1": "r0", "label": "cat"}


def test_western_text_is_read_and_said_to_be(home: Path) -> None:
    write(home / "été/ä.jpg", picture(7))
    path = write(home / "t.csv", table("été/ä.jpg,café", *PLAIN).encode("latin-1"))
    found = listed(path)
    assert (found.files[0], found.values[0]) == ("été/ä.jpg", {"label": "café"})
    assert any("not UTF-8: read as cp1252" in note for note in sources.describe(found.spec))
    assert sources.describe(listed(write(home / "u.csv", table(*PLAIN))).spec) == []


def test_quoted_lines_and_backslashes(home: Path) -> None:
    rows = [
        f'{NAMES[0]},"a ""big"" dog, with\ntwo lines"',
        f'{NAMES[1]},"so" it goes',
        f'{NAMES[2]},5" tall',
    ]
    found = listed(write(home / "t.csv", table(*rows)))
    assert [values["label"] for values in found.values] == [
        'a "big" dog, with\ntwo lines',
        "so it goes",
        '5" tall',
    ]
    escaped = [f'{name},"a \\"big\\", dog"' for name in NAMES]
    found = listed(write(home / "e.csv", table(*escaped)))
    assert (found.problems, found.values[0]) == ({}, {"label": 'a "big", dog'})


@pytest.mark.parametrize(
    ("lines", "good", "bad"),
    [
        (["imgs/0.jpg,a", "lonely", "imgs/1.jpg,b"], [0, 1], ["line 3 with 1 columns"]),
        (["imgs/0.jpg,a,b,c", "imgs/1.jpg,b"], [1], ["line 2 with 4 columns instead of 2"]),
        (["imgs/0.jpg,a,,", "imgs/1.jpg,b"], [0, 1], []),
        (['imgs/0.jpg,"open', "imgs/1.jpg,b", "imgs/2.jpg,c"], [0, 1, 2], []),
        (['"imgs/0.jpg,a', "imgs/1.jpg,b", "imgs/2.jpg,c"], [1, 2], ["line 2 with 1 columns"]),
    ],
)  # fmt: skip
def test_broken_rows_are_listed_with_their_line_and_cost_no_other(
    home: Path, lines: list[str], good: list[int], bad: list[str]
) -> None:
    found = listed(write(home / "t.csv", table(*lines)))
    assert found.files == [NAMES[number] for number in good]
    assert len(found.problems) == len(bad)
    for text, problem in zip(bad, found.problems.values(), strict=True):
        assert f"broken row in {text}" in problem


def test_a_title_above_the_header_is_listed(home: Path) -> None:
    rows = [f"{name},cat,3" for name in NAMES]
    text = "Images of cats\n" + table(*rows, header="path,label,n")
    found = listed(write(home / "t.csv", text))
    assert found.files == NAMES
    assert list(found.problems.values()) == ["broken row in line 1: 'Images of cats'"]


def test_a_quote_that_nothing_closes_costs_one_row_of_many(home: Path) -> None:
    for number in range(40_000):
        if number < 3 or number > 39_990:
            write(home / f"imgs/{number}.jpg", picture(1))
    rows = [f"imgs/{number}.jpg,cat" for number in range(40_000)]
    rows[7] = '"imgs/7.jpg,cat'
    spec = sources.detect("pool", write(home / "t.csv", table(*rows)))
    entries = list(sources.scan(spec))
    assert len(entries) == 40_000
    broken = [e for e in entries if e.problem and e.problem.startswith("broken")]
    assert [(e.member, e.problem[:40]) for e in broken] == [
        ("row 7", "broken row in line 9 with 1 columns inst")
    ]
    assert sum(e.problem is None for e in entries) == 12
