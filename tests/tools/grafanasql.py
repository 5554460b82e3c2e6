#!/usr/bin/env python3
"""Writes each query of dashboards as Grafana would send it to its database, a file each.

grafanasql.py pg|timescale|mysql FROM TO FOLDER [NAME=VALUE...] DASHBOARD...

FROM and TO are seconds since 1970. Files are named DASHBOARD.PANEL.sql, queries of variables
DASHBOARD.variable-NAME.sql. What stands in a file is expanded by the rules of Grafana's
datasources for PostgreSQL (with the switch TimescaleDB on or off) and MySQL: the macros, the
interval by range and width, and variables by their format.
"""
import datetime
import json
import pathlib
import re
import sys

STEPS = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
         604800, 2592000, 31536000]
BOUNDS = [1.5, 3.5, 7.5, 12.5, 17.5, 25, 45, 90, 210, 450, 750, 1050, 1500, 2700, 5400, 9000, 16200, 32400,
          86400, 604800, 1814400, 3628800]
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([smhdw])", text).groups()
    return int(number) * UNITS[unit]


def interval(span, points, least):
    """Of a panel: the step that suits its width, not below its least interval."""
    exact = span / points
    step = next((s for s, bound in zip(STEPS, BOUNDS) if exact < bound), STEPS[-1])
    return max(step, least)


def interval_text(step):
    unit = next(u for u in "dhms" if step % UNITS[u] == 0)
    return f"{step // UNITS[unit]}{unit}"


def utc(at):
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def sqlstring(value):
    values = value if isinstance(value, list) else [value]
    return ",".join("'" + v.replace("'", "''") + "'" for v in values)


def put_variables(sql, variables):
    def put(m):
        name, form = m.group(1), m.group(2)
        if name not in variables:
            sys.exit(f"variable {name} is not there")
        if form not in (None, ":sqlstring"):
            sys.exit(f"format {form} of {name} is not known here")
        value = variables[name]
        if form:
            return sqlstring(value)
        if not re.fullmatch(r"\d+", value):
            sys.exit(f"{name}: only a number may stand in SQL without a format")
        return value
    return re.sub(r"\$\{(\w+)(:\w+)?\}", put, sql)


class Macros:
    def __init__(self, kind, since, until):
        self.kind, self.since, self.until = kind, since, until

    def group(self, column, step):
        n = seconds(step.strip("'\" "))
        if self.kind == "timescale":
            return f"time_bucket('{n:.3f}s',{column})"
        if self.kind == "mysql":
            return f"UNIX_TIMESTAMP({column}) DIV {n} * {n}"
        return f"floor(extract(epoch from {column})/{n})*{n}"

    def time(self, at):
        return f"FROM_UNIXTIME({at})" if self.kind == "mysql" else f"'{utc(at)}'"

    def expand(self, name, args):
        if name == "timeFilter":
            return f"{args[0]} BETWEEN {self.time(self.since)} AND {self.time(self.until)}"
        if name == "timeGroup":
            return self.group(*args)
        if name == "timeGroupAlias":
            return self.group(*args) + ' AS "time"'
        if name == "timeFrom":
            return self.time(self.since)
        if name == "timeTo":
            return self.time(self.until)
        if name == "unixEpochFrom":
            return str(self.since)
        if name == "unixEpochTo":
            return str(self.until)
        sys.exit(f"macro {name} is not known")


def expand(sql, macros, variables, step):
    sql = sql.replace("$__interval_ms", str(step * 1000))
    sql = re.sub(r"\$__interval\b", interval_text(step), sql)
    sql = put_variables(sql, variables)
    sql = re.sub(r"\$__(\w+)\(([^()]*)\)",
                 lambda m: macros.expand(m.group(1), [a.strip() for a in m.group(2).split(",")]), sql)
    if "$_" in sql or "${" in sql:
        sys.exit(f"not expanded: {sql}")
    return sql


def defaults(dashboard):
    values = {}
    for v in dashboard["templating"]["list"]:
        if v["type"] in ("textbox", "custom"):
            values[v["name"]] = v["current"]["value"]
    return values


def main():
    kind, since, until, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])
    given = {}
    for a in sys.argv[5:]:
        if "=" in a:
            name, _, value = a.partition("=")
            given[name] = value.split("|") if "|" in value else value
    macros = Macros(kind, since, until)
    for path in (pathlib.Path(a) for a in sys.argv[5:] if "=" not in a):
        dashboard = json.loads(path.read_text())
        variables = {**defaults(dashboard), **given}
        for v in dashboard["templating"]["list"]:
            if v["type"] == "query":
                sql = expand(v["query"], macros, variables, 60)
                (folder / f"{path.stem}.variable-{v['name']}.sql").write_text(sql)
        for p in dashboard["panels"]:
            least = seconds(p.get("interval", "1s"))
            step = interval(until - since, p.get("maxDataPoints", 1000), least)
            for t in p["targets"]:
                (folder / f"{path.stem}.{p['id']}.sql").write_text(expand(t["rawSql"], macros, variables, step))


main()
