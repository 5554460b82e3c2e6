#!/usr/bin/env python3
"""A stand-in for Grafana: not Grafana, but the part of its documented HTTP API that goflow uses, held to strictly.

grafanaserver.py FOLDER [FAULT]

Listens on a free port of 127.0.0.1, which it writes to FOLDER/port, and takes the bearer token in FOLDER/token. Each
request goes to FOLDER/log as "METHOD PATH STATUS", each body to FOLDER/bodies, what is kept to FOLDER/state.json.
FAULT: redirect (to another port, FOLDER/elsewhere has it), html, conflict (a folder of our title with another uid),
outdated (412 for a dashboard), echo (a refusal that says the body again), sick (the database is not reached),
named (there is a datasource of our name with a uid of its own), silent (no answer at all).
"""
import http.server
import json
import pathlib
import sys
import threading

folder = pathlib.Path(sys.argv[1])
fault = sys.argv[2] if len(sys.argv) > 2 else ""
token = (folder / "token").read_text().strip()
state = {"datasources": {}, "folders": {}, "dashboards": {}}
if fault == "named":
    state["datasources"]["P0THER"] = {"id": 7, "uid": "P0THER", "name": "goflow", "type": "grafana-postgresql-datasource",
                                      "access": "proxy", "url": "old:5432", "user": "", "database": "", "isDefault": True,
                                      "jsonData": {}, "secureJsonFields": {}, "version": 3, "readOnly": False}


class Refusal(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def need(value, key, kind):
    if not isinstance(value.get(key), kind) or value[key] == "":
        raise Refusal(400, f"bad request data: {key}")
    return value[key]


def hide(source):
    return {k: v for k, v in source.items() if k != "secureJsonData"}


def keep_source(body, uid, new):
    for key in ("name", "type", "access", "url"):
        need(body, key, str)
    if body["access"] != "proxy" or not isinstance(body.get("jsonData"), dict):
        raise Refusal(400, "bad request data: access, jsonData")
    if not all(isinstance(v, str) for v in body.get("secureJsonData", {}).values()):
        raise Refusal(400, "bad request data: secureJsonData")
    for other in state["datasources"].values():
        if other["name"] == body["name"] and (new or other["uid"] != uid):
            raise Refusal(409, "data source with the same name already exists")
    old = state["datasources"].get(uid, {})
    fields = {**old.get("secureJsonFields", {}), **{k: True for k in body.get("secureJsonData", {})}}
    state["datasources"][uid] = {**hide(body), "uid": uid, "id": old.get("id", len(state["datasources"]) + 1),
                                 "isDefault": body.get("isDefault", False), "readOnly": False,
                                 "version": old.get("version", 0) + 1, "secureJsonFields": fields}
    return 200, {"message": "Datasource added" if new else "Datasource updated", "id": 1, "name": body["name"],
                 "datasource": state["datasources"][uid]}


def datasources(method, rest, body):
    if method == "POST" and not rest:
        uid = need(body, "uid", str)
        if uid in state["datasources"]:
            raise Refusal(409, "data source with the same uid already exists")
        return keep_source(body, uid, True)
    if rest[0] == "name" and method == "GET":
        for source in state["datasources"].values():
            if source["name"] == rest[1]:
                return 200, source
        raise Refusal(404, "Data source not found")
    if rest[0] != "uid" or rest[1] not in state["datasources"]:
        raise Refusal(404, "Data source not found")
    if rest[2:] == ["health"]:
        if fault == "sick":
            raise Refusal(400, "db query error: failed to connect to server")
        return 200, {"status": "OK", "message": "Database Connection OK"}
    if method == "PUT":
        return keep_source(body, rest[1], False)
    return 200, state["datasources"][rest[1]]


def folders(method, rest, body):
    if method == "POST":
        uid, title = need(body, "uid", str), need(body, "title", str)
        if fault == "conflict":
            raise Refusal(409, "a folder with the same name already exists in the current location")
        if uid in state["folders"]:
            raise Refusal(412, "the folder has been changed by someone else")
        state["folders"][uid] = {"id": 1, "uid": uid, "title": title, "version": 1}
    elif rest[0] not in state["folders"]:
        raise Refusal(404, "folder not found")
    return 200, state["folders"][body["uid"] if method == "POST" else rest[0]]


def dashboards(method, rest, body):
    if method == "GET" and rest[0] == "uid":
        if rest[1] not in state["dashboards"]:
            raise Refusal(404, "Dashboard not found")
        return 200, state["dashboards"][rest[1]]
    if method != "POST" or rest != ["db"]:
        raise Refusal(404, "Not found")
    board, where = need(body, "dashboard", dict), need(body, "folderUid", str)
    title, uid = need(board, "title", str), need(board, "uid", str)
    if len(uid) > 40:
        raise Refusal(400, "uid too long, max 40 characters")
    if "${DS_" in json.dumps(board.get("__inputs", [])) or not isinstance(board.get("schemaVersion"), int):
        raise Refusal(400, "bad dashboard")
    if where not in state["folders"]:
        raise Refusal(400, "folder not found")
    old = state["dashboards"].get(uid)
    if fault == "outdated" or (old and not body.get("overwrite")):
        raise Refusal(412, "The dashboard has been changed by someone else")
    version = old["dashboard"]["version"] + 1 if old else 1
    state["dashboards"][uid] = {"meta": {"folderUid": where}, "dashboard": {**board, "id": 11, "version": version}}
    return 200, {"id": 11, "uid": uid, "status": "success", "version": version, "slug": title}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        size = int(self.headers.get("Content-Length", 0))
        text = self.rfile.read(size).decode()
        if self.command in ("POST", "PUT"):
            with open(folder / "bodies", "a") as f:
                print(text, file=f)
            if self.headers.get("Content-Type") != "application/json":
                raise Refusal(415, "Content-Type")
            if fault == "echo":
                raise Refusal(500, f"cannot take {text}")
            return json.loads(text)
        if size:
            raise Refusal(400, "a body where none belongs")
        return {}

    def answer(self):
        parts = self.path.split("?")[0].strip("/").split("/")
        body = self.body()
        if self.headers.get("Authorization") != f"Bearer {token}":
            raise Refusal(401, "Invalid API key")
        if self.headers.get("Accept") != "application/json":
            raise Refusal(406, "Accept")
        known = {"datasources": datasources, "folders": folders, "dashboards": dashboards}
        if parts[0] != "api" or parts[1] not in known:
            raise Refusal(404, "Not found")
        return known[parts[1]](self.command, parts[2:], body)

    def do_GET(self):
        if fault == "silent":
            threading.Event().wait(60)
        headers = {"Content-Type": "application/json"}
        try:
            status, document = self.answer()
        except Refusal as r:
            status, document = r.status, {"message": r.message}
        if fault == "redirect":
            status, headers["Location"] = 302, f"http://127.0.0.1:{(folder / 'elsewhere').read_text().strip()}/"
        text = ("<html>hello</html>" if fault == "html" else json.dumps(document)).encode()
        with open(folder / "log", "a") as f:
            print(self.command, self.path, status, file=f)
        (folder / "state.json").write_text(json.dumps(state))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
(folder / "port.new").write_text(str(server.server_address[1]))
(folder / "port.new").rename(folder / "port")
server.serve_forever()
