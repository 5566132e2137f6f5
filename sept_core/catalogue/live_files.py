"""SQL of the files that count: those that are not gone, joined with their sources.

In: nothing. Out: pieces of queries for the modules of this package.
"""

from sept_core.filesystem import roots

LIVE = "FROM files f JOIN sources s ON s.id = f.source_id WHERE NOT f.gone"

SHOWN = """FROM files f JOIN sources s ON s.id = f.source_id JOIN images i ON i.uid = f.uid
            WHERE NOT f.gone AND f.state = 'ok' AND s.kind <> 'features'"""

FOLLOWS = f"json_exists(s.options, '$.{roots.FOLLOW_LINKS}') AS {roots.FOLLOW_LINKS}"

BANDS = "json_extract_string(s.options, '$.bands') AS bands"

WORK_COLUMNS = (
    's.id AS source, s.root, f.rel_path, f.member, f.byte_offset AS "offset", f.size, f.label, '
    f"f.split, {FOLLOWS}, {BANDS}, f.mtime_ns"
)
