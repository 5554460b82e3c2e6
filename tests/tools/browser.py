#!/usr/bin/env python3
"""browser.py URL STEP...: opens a page in headless Chromium, through chromedriver, and does the steps in their order:

    size WIDTHxHEIGHT    of the window
    scheme light|dark    what the page is told to prefer
    until EXPRESSION     waits until that JavaScript is true, 20 seconds at most
    act STATEMENTS       JavaScript
    run COMMAND          of the shell
    print EXPRESSION     its value as JSON, on a line
    shot FILE            a picture (PNG) of the whole page

Without a step it only starts the browser. Where that does not start it exits with 69.

The page is opened at the first step that needs it. What the browser's console says, which is where a breach of a
Content-Security-Policy is told, is an error at the end: exit status 1. Python's standard library only."""
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


class Browser:
    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, start_new_session=True)
        self.session = ""
        for _ in range(200):
            try:
                self.call("GET", "/status")
                break
            except OSError:
                time.sleep(0.05)
        # its sandbox needs what root, and some kernels and containers, do not give; the page is ours
        if not (self.begin([]) or self.begin(["--no-sandbox"])):
            self.close()
            print("Chromium does not start here", file=sys.stderr)
            sys.exit(69)

    def begin(self, more):
        arguments = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage"] + more
        wanted = {"goog:loggingPrefs": {"browser": "ALL"}, "goog:chromeOptions": {"args": arguments}}
        try:
            session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except OSError:  # as urllib's errors are
            return False
        self.session = "/session/" + session["sessionId"]
        return True

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + self.session + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def tell(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def evaluate(self, script):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def close(self):
        try:
            if self.session:
                self.call("DELETE", "")
        finally:
            os.killpg(self.driver.pid, signal.SIGKILL)
            self.driver.wait()


def wait_until(browser, expression):
    end = time.monotonic() + 20
    while not browser.evaluate("return " + expression):
        if time.monotonic() > end:
            sys.exit("still not so: " + expression + "\n" + browser.evaluate("return document.body.innerText"))
        time.sleep(0.1)


def step(browser, verb, what):
    if verb == "size":
        width, height = map(int, what.split("x"))
        browser.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
    elif verb == "scheme":
        browser.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": what}])
    elif verb == "until":
        wait_until(browser, what)
    elif verb == "act":
        browser.evaluate(what)
    elif verb == "run":
        subprocess.run(what, shell=True, check=True)
    elif verb == "print":
        print(json.dumps(browser.evaluate("return " + what)), flush=True)
    elif verb == "shot":
        with open(what, "wb") as out:
            out.write(base64.b64decode(browser.tell("Page.captureScreenshot", captureBeyondViewport=True)["data"]))
    else:
        sys.exit("no such step: " + verb)


def main():
    url, steps = sys.argv[1], list(zip(sys.argv[2::2], sys.argv[3::2]))
    browser, is_open = Browser(), False
    try:
        for verb, what in steps:
            if not is_open and verb not in ("size", "scheme"):
                browser.call("POST", "/url", {"url": url})
                is_open = True
            step(browser, verb, what)
        said = [entry["message"] for entry in browser.call("POST", "/se/log", {"type": "browser"})]
    finally:
        browser.close()
    for line in said:
        print("console: " + line, file=sys.stderr)
    sys.exit(1 if said else 0)


main()
