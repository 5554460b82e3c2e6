#!/usr/bin/env python3
"""rowdiff.py LINES DATABASE [TABLE]: the rows of nfsink-sqlite --fields all against the JSON lines of the same records,
in their order, every field. Prints how many rows and values were equal. Python's standard library only."""
import calendar
import json
import sqlite3
import sys
import time

LARGEST = 2**63 - 1

def nanoseconds(text):
    head, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(head, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction + "0" * 9)[:9])


def whole(value):
    """A time as its nanoseconds, anything else as it is."""
    if isinstance(value, str) and len(value) > 18 and value[10] == "T" and value.endswith("Z"):
        return nanoseconds(value)
    return value


def expected(value):
    return min(whole(value), LARGEST) if isinstance(whole(value), int) else value


def beside(line):
    """What a row cannot hold exactly, and its extra does: times and counters that are too large, bytes of text."""
    return {key: value for key, value in line.items() if key.endswith("_hex") or expected(value) != whole(value)}


def main():
    lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    db = sqlite3.connect(sys.argv[2])
    db.row_factory = sqlite3.Row
    table = sys.argv[3] if len(sys.argv) > 3 else "goflow_records"
    rows = db.execute('SELECT * FROM "%s" ORDER BY rowid' % table).fetchall()
    assert len(rows) == len(lines), "%d rows of %d records" % (len(rows), len(lines))
    values = 0
    for number, (row, line) in enumerate(zip(rows, lines), 1):
        row = dict(row)
        extra = json.loads(row.pop("extra")) if row["extra"] else {}
        row.pop("extra", None)
        want_extra = {**line.pop("extra", {}), **beside(line)}
        assert extra == want_extra, "record %d: extra %s, expected %s" % (number, extra, want_extra)
        for key, value in row.items():
            want = expected(line.pop(key, None))
            if isinstance(want, int) and isinstance(value, str):
                want = str(want)  # of a column of words, one that has none
            assert value == want, "record %d: %s is %r, expected %r" % (number, key, value, want)
            values += want is not None
        line = {key: value for key, value in line.items() if not key.endswith("_hex")}
        assert not line, "record %d: no column for %s" % (number, list(line))
    print("rows=%d values=%d" % (len(rows), values))


if __name__ == "__main__":
    main()
