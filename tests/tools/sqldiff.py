#!/usr/bin/env python3
"""sqldiff.py LINES ROWS: the rows of an SQL sink with --fields all, as JSON lines, against the JSON lines of the same
records, in any order, every field. Times are compared to the microsecond, which is what servers hold; what `extra` holds
exactly stands for what its column holds at its largest. Prints how many records and values were equal.
Python's standard library only."""
import collections
import datetime
import ipaddress
import json
import re
import sys

TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00|\+00)?$")
IPV6 = re.compile(r"^(?=.*:.*:)(?!([0-9a-f]{2}:){5}[0-9a-f]{2}$)[0-9a-f:.]+$")
EPOCH = datetime.datetime(1970, 1, 1)


def plain(value):
    """A time as microseconds since 1970, an IPv6 address in one of its forms, anything else as it is."""
    found = TIME.match(value) if isinstance(value, str) else None
    if not found:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) and IPV6.match(value) else value
    whole = datetime.datetime.strptime(found[1] + " " + found[2], "%Y-%m-%d %H:%M:%S") - EPOCH
    return (whole.days * 86400 + whole.seconds) * 10**6 + int(((found[3] or ".")[1:] + "000000")[:6])


def record_of(row):
    """The record that a row was made of."""
    record = {key: plain(value) for key, value in row.items() if value is not None}
    extra = record.pop("extra", {})
    if isinstance(extra, str):
        extra = json.loads(extra)
    for key in list(extra):
        if key in record or (key.endswith("_hex") and key[:-4] in record):
            record[key] = plain(extra.pop(key))
    if extra:
        record["extra"] = extra
    return record


def main():
    lines = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    rows = [json.loads(line) for line in open(sys.argv[2], encoding="utf-8") if line.strip()]
    assert len(rows) == len(lines), "%d rows of %d records" % (len(rows), len(lines))
    want = collections.Counter(
        json.dumps({key: plain(value) for key, value in line.items()}, sort_keys=True) for line in lines)
    found = collections.Counter(json.dumps(record_of(row), sort_keys=True) for row in rows)
    for text in want - found:
        sys.exit("not found: %s\namong: %s" % (text, "\n".join(list(found - want)[:3])))
    print("records=%d values=%d" % (len(lines), sum(len(line) for line in lines)))


if __name__ == "__main__":
    main()
