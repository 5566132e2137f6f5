"""Run the registered evidence protocol (docs/log.md), or summarise its rows.

    python -m benchmarks.evidence $SEPT_DATA WORK_FOLDER [--part A] [--limit 4]
    python -m benchmarks.evidence --summary

Trains one network at a time on one thread; rows that exist are skipped, so it continues after an
interruption and from a fresh checkout. `--trial` runs the script itself with a few steps into
another folder; its rows are no evidence.
"""

import argparse
from collections.abc import Iterator

from benchmarks.evidence import command, protocol, summary
from benchmarks.evidence.rows import FOLDER, Rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=[part.name for part in protocol.PARTS], action="append")
    options = command.parsed(parser)
    rows = Rows(options.trial or FOLDER)
    if options.summary:
        return print(summary.markdown(rows))
    return command.finish(planned(options.part, rows), options, rows)


def planned(names: list[str] | None, rows: Rows) -> Iterator[protocol.Planned]:
    """Yield the networks of some parts; the seeds of part A grow once it is complete."""
    for part in protocol.PARTS:
        if names and part.name not in names:
            continue
        yield from protocol.planned(part)
        if part is protocol.PARTS[0]:
            seeds = summary.registered_seeds(rows)
            if seeds > part.seeds:
                yield from protocol.planned(protocol.grown(seeds))


if __name__ == "__main__":
    main()
