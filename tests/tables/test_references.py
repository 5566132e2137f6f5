"""Names as tables write them, and the files that they lead to."""

import os
import unicodedata
from pathlib import Path

import pytest
from small_tables import listed, picture, write

from sept_core import errors
from sept_core.tables import references
from sept_core.tables.formats.rows import Match

COMPOSED = unicodedata.normalize("NFC", "été/café.jpg")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b.jpg", "a/b.jpg"),
        ("a/b.jpg", "./a/b.jpg"),
        ("a/b.jpg", "a/../a//b.jpg"),
        ("a/b.jpg", "  a/b.jpg "),
        ("a/b.jpg", '"a/b.jpg"'),
        ("a/b.jpg", "\ufeffa/b.jpg"),
        ("a/b.jpg", "a\\b.jpg"),
        ("a/b.jpg", ".\\a\\b.jpg"),
        ("a\\b.jpg", "a\\b.jpg"),
        ("a b.jpg", "a%20b.jpg"),
        ("a%20b.jpg", "a%20b.jpg"),
        ("a%20b.jpg", "a%2520b.jpg"),
        ("a b/c.jpg", "a%20b\\c.jpg"),
        (COMPOSED, DECOMPOSED),
        (DECOMPOSED, COMPOSED),
        ("été/" + unicodedata.normalize("NFD", "é.jpg"), unicodedata.normalize("NFC", "été/é.jpg")),
        ("a/0001.jpg", "a/0001"),
        ("a/v1.2.jpg", "a/v1.2"),
        (unicodedata.normalize("NFD", "été/1.jpg"), unicodedata.normalize("NFC", "été/1.jpg")),
        (unicodedata.normalize("NFC", "é/b/1.jpg"), unicodedata.normalize("NFD", "é/b/1.jpg")),
        ("été/1.png", unicodedata.normalize("NFD", "été/1")),
        ("no_suffix", "no_suffix"),
        (os.fsdecode("é.jpg".encode("latin-1")), "é.jpg"),
    ],
)
def test_a_name_leads_to_its_file(tmp_path: Path, file: str, name: str) -> None:
    write(tmp_path / file, picture(1))
    found, problem = references.Referrer(tmp_path, [tmp_path]).find(name)
    assert problem is None and found is not None and found.problem is None
    assert found.size == len(picture(1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a/c.jpg", "missing file"),
        ("A/B.JPG", "missing file; 'a/b.jpg' is written in other upper and lower case"),
        ("../up.jpg", "leads out of the source: '../up.jpg'"),
        ("/etc/passwd", "leads out of the source: '/etc/passwd'"),
        ("file:///etc/passwd", "leads out of the source"),
        (
            "C:\\data\\x.jpg",
            "missing file: a Windows path; give the folder that holds it with --root",
        ),
        ("\\\\host\\share\\x.jpg", "missing file: a Windows path"),
        ("https://x.org/a.jpg", "an address, not a file; download it first, for example with img2"),
        ("s3://bucket/a.jpg", "an address"),
        ("gs://bucket/a.jpg", "an address"),
        ("a", "a folder, not a file"),
        ("twin", "missing file"),
        ("x\0.jpg", "no file can have this name"),
        ("/9j/4AAQ" * 1000, "no path: '/9j/4AAQ/9j/4AAQ/9j/4AAQ/9j/4A'… (8,000 characters)"),
    ],
)
def test_why_a_name_leads_to_none(tmp_path: Path, name: str, reason: str) -> None:
    for file in ("a/b.jpg", "twin.jpg", "twin.png"):
        write(tmp_path / file, picture(1))
    found, problem = references.Referrer(tmp_path, [tmp_path]).find(name)
    told = problem or (found.problem if found else None) or ""
    assert told.startswith(reason)
    assert len(told) < 200


def test_how_well_a_name_matches(tmp_path: Path) -> None:
    write(tmp_path / "1.jpg", picture(1))
    match = references.Referrer(tmp_path, [tmp_path]).match
    assert [match(name) for name in ("1.jpg", "1", "2", "", "https://x.org/1.jpg")] == [
        Match.FILE,
        Match.STEM,
        Match.NONE,
        Match.NONE,
        Match.NONE,
    ]


def test_links_do_not_lead_out_by_another_spelling(tmp_path: Path) -> None:
    write(tmp_path / "secret/é.jpg", picture(1))
    root = tmp_path / "root"
    root.mkdir()
    (root / "out").symlink_to(tmp_path / "secret")
    referrer = references.Referrer(root, [root])
    for name in ("out\\é.jpg", unicodedata.normalize("NFD", "out/é.jpg"), "OUT/é.jpg", "out/é"):
        found, problem = referrer.find(name)
        assert problem or (found is not None and found.problem)


# --- where the files lie ---


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / f"set/imgs/{number}.jpg", picture(number))
    return tmp_path / "set"


def lines(form: str) -> str:
    return "".join(form.format(number) + "\n" for number in range(3))


@pytest.mark.parametrize(
    "form",
    [
        "imgs/{}.jpg",
        "C:\\data\\imgs\\{}.jpg",
        "C:/data/imgs/{}.jpg",
        "\\\\server\\share\\imgs\\{}.jpg",
        "/home/somebody/set/imgs/{}.jpg",
        "file:///home/somebody/imgs/{}.jpg",
        "set/imgs/{}.jpg",
        "data/set/imgs/{}.jpg",
        "{}.jpg",
        "{}",
    ],
)
def test_names_of_another_machine_or_folder(home: Path, form: str) -> None:
    found = listed(write(home / "list.txt", lines(form)))
    assert found.data == [picture(number) for number in range(3)]
    assert found.problems == {}
    table = listed(write(home / "t.csv", "id,label\n" + lines(form + ",cat")))
    assert (table.data, table.problems) == (found.data, {})


@pytest.mark.parametrize("form", ["imgs/{}.jpg", "set/imgs/{}.jpg", "../imgs/{}.jpg"])
def test_a_list_in_a_folder_of_lists(home: Path, form: str) -> None:
    found = listed(write(home / "lists/train.txt", lines(form)))
    assert (len(found.data), found.problems) == (3, {})


@pytest.mark.parametrize("form", ["imgs/{}.jpg", "{}.jpg", "D:\\set\\imgs\\{}.jpg", "{}"])
def test_root_of_a_list_that_lies_elsewhere(home: Path, tmp_path: Path, form: str) -> None:
    path = write(tmp_path / "elsewhere/deep/list.txt", lines(form))
    root = home if "imgs" in form else home / "imgs"
    for given in (root, path.parent / ".." / ".." / root.relative_to(tmp_path)):
        found = listed(path, root=str(given))
        assert (found.spec.root, len(found.data), found.problems) == (root, 3, {})


def test_all_names_of_another_machine(tmp_path: Path) -> None:
    for form in ("C:\\data\\{}.jpg", "/home/somebody/{}.jpg"):
        path = write(tmp_path / "list.txt", lines(form))
        with pytest.raises(
            errors.SourceError, match=r"does not exist on this machine .* with --root FOLDER"
        ):
            listed(path)


def test_some_names_of_another_machine(home: Path) -> None:
    path = write(home / "list.txt", "imgs/0.jpg\nC:\\data\\imgs\\gone.jpg\n")
    found = listed(path)
    assert found.files == ["imgs/0.jpg"]
    assert found.problems["row 1"].startswith("missing file: a Windows path")


def test_a_listing_is_the_same_when_files_have_gone(home: Path) -> None:
    path = write(home / "list.txt", lines("C:\\data\\imgs\\{}.jpg"))
    spec = listed(path).spec
    (home / "imgs/1.jpg").unlink()
    assert listed(path, **spec.options).problems == {"imgs/1.jpg": "missing file"}


def test_addresses(tmp_path: Path) -> None:
    for name, text in (
        ("l.txt", lines("https://x.org/{}.jpg")),
        ("t.csv", "url,text\ns3://a/b,c\n"),
    ):
        with pytest.raises(errors.SourceError, match=r"URLs in its column .* img2dataset"):
            listed(write(tmp_path / name, text))
    write(tmp_path / "0.jpg", picture(0))
    found = listed(write(tmp_path / "mixed.txt", "0.jpg\nhttps://x.org/1.jpg\n"))
    assert found.files == ["0.jpg"]
    assert found.problems["row 1"].startswith("an address, not a file")
