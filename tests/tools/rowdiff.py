#!/usr/bin/env python3
"""rowdiff.py LINES DATABASE [TABLE]: the rows of nfsink-sqlite --fields all against the JSON lines of the same records,
in their order, every field. Prints how many rows and values were equal. Python's standard library only."""
import calendar
import json
import sqlite3
import sys
import time


def nanoseconds(text):
    head, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(head, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction + "0" * 9)[:9])


def expected(key, value):
    if isinstance(value, str) and len(value) > 18 and value[10] == "T" and value.endswith("Z"):
        return nanoseconds(value)
    if isinstance(value, int) and value > 2**63 - 1:
        return 2**63 - 1
    return value


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
        want_extra = line.pop("extra", {})
        for key, value in list(line.items()):
            if isinstance(value, int) and value > 2**63 - 1:
                want_extra[key] = value
        assert extra == want_extra, "record %d: extra %s, expected %s" % (number, extra, want_extra)
        for key, value in row.items():
            want = expected(key, line.pop(key, None))
            assert value == want, "record %d: %s is %r, expected %r" % (number, key, value, want)
            values += want is not None
        line = {key: value for key, value in line.items() if not key.endswith("_hex")}
        assert not line, "record %d: no column for %s" % (number, list(line))
    print("rows=%d values=%d" % (len(rows), values))


if __name__ == "__main__":
    main()
