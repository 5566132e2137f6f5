"""The filter language: what it reads, what it refuses, and that values stay values."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sept_core import errors
from sept_core.catalogue import filters

ROWS = """
    SELECT * FROM (VALUES
        ('a', 'web', 'x/cat.jpg', 320, '{"caption": "A Red Fox", "year": 2019}'),
        ('b', 'web', 'x/dog.jpg', 100, '{"caption": "snow", "year": "unknown"}'),
        ('c', 'phone', 'y.png', 640, NULL)
    ) t(uid, source, path, width, metadata)
"""


def matching(text: str) -> list[str]:
    conditions = filters.parse(text)
    where, values = filters.to_sql(conditions)
    columns, given = [], []
    for number, field in enumerate(filters.fields(conditions)):
        column, bound = filters.column(field)
        columns.append(f", {column} AS c{number}")
        given += bound
    sql = f"""
        WITH t AS ({ROWS}),
             f AS (SELECT uid, path AS rel_path, metadata::JSON AS metadata, NULL AS label FROM t),
             s AS (SELECT uid, source AS name FROM t), i AS (SELECT uid, width FROM t)
        SELECT uid FROM (SELECT f.uid {"".join(columns)}
                         FROM f JOIN s USING (uid) JOIN i USING (uid))
        WHERE {where} ORDER BY uid
    """
    return [row[0] for row in duckdb.connect().execute(sql, [*given, *values]).fetchall()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["a", "b", "c"]),
        ("width >= 320", ["a", "c"]),
        ("source = web and width<200", ["b"]),
        ('caption ~ "red fox"', ["a"]),
        ("caption ~ 'RED FOX' AND source != phone", ["a"]),
        ("year > 2000", ["a"]),
        ("year = unknown", ["b"]),
        ("path ~ cat", ["a"]),
        ("no_such_column = 1", []),
        ('caption = "\'; DROP TABLE files; --"', []),
    ],
)
def test_filter_selects(text: str, expected: list[str]) -> None:
    assert matching(text) == expected


@pytest.mark.parametrize("text", ["width", "width >=", ">= 3", "width > 3 and", "a = 1 or b = 2"])
def test_unreadable_filters_say_where(text: str) -> None:
    with pytest.raises(errors.InputError, match="cannot be parsed at"):
        filters.parse(text)


def test_number_field_wants_a_number() -> None:
    with pytest.raises(errors.InputError, match="width is numeric, but 'wide' is not a number"):
        filters.to_sql(filters.parse("width > wide"))


@given(st.text(max_size=30))
def test_any_value_is_only_ever_a_value(value: str) -> None:
    quote = "'" if '"' in value else '"'
    if quote in value:
        return
    conditions = filters.parse(f"caption ~ {quote}{value}{quote}")
    assert [c.value for c in conditions] == [value]
    sql, values = filters.to_sql(conditions)
    assert sql == "TRUE AND contains(lower(CAST(c0 AS TEXT)), lower(?))" and values == [value]
