#!/usr/bin/env python3
"""Breaks a good config.yml in many ways, and says where each is broken.

    badconfigs.py GOOD FOLDER COUNT SEED

Writes FOLDER/NNN.yml, and a line for each to standard output: NNN, the line that an error has to name, how
it was broken. The good file has one key a line, indented by two, as config_example.yml with all its
settings; the same seed breaks it in the same ways.
"""
import pathlib
import random
import re
import sys

KEY = re.compile(r"^( *)([A-Za-z_.\-]+):(?: (.*))?$")
OWN_NAMES = {"rdssql", "timescale", "kafka", "local", "dumper", "netflow", "branch-offices", "pcap"}
RANGES = {
    "port": ["0", "65536", "-1", "3306x"], "bindport": ["0", "65536", "port", "20 55"],
    "connections": ["0", "9", "two"], "batch": ["0", "10000001", "1e3"], "workers": ["0", "65"],
    "ring": ["64", "2048G", "64MB"], "rcvbuf": ["1", "2G"], "linger": ["2h", "1 s", "soon"],
    "max_age": ["0", "36501", "180d"], "max_size": ["1000", "many"], "ledger_keep": ["36501d"],
    "chunk_interval": ["30s", "1w"], "time_window": ["30d,", "back,1d"], "create_topic": ["6", "0:1", "6:3:1"],
    "bindaddr": ["localhost.", "1.2.3", "1.2.3.256", "::g"], "api": ["127.0.0.1", ":0", "nowhere:8880", "[::1"],
    "table": ["9flows", "a-b", "pg_flows"], "columns": ["src_ip,dst_ipp", "some"], "index": ["[src_ip, port]"],
    "type": ["mysqll", "Kafka", "sflow5"], "ssl_mode": ["on", "verify-full"], "method": ["copy"],
    "format": ["xml"], "form": ["yaml"], "level": ["verbose"], "SSL": ["maybe", "2"], "extra": ["of"],
    "backend": ["rdsql", "nobody"], "backends": ["[timescale, kafkaa]", "[kafka, kafka]", "kafka"],
}
REQUIRED = {"type", "KAFKA_SERVER", "KAFKA_TOPIC", "backend", "backends"}


class Line:
    def __init__(self, number, text):
        self.number, self.text = number, text
        found = KEY.match(text)
        self.indent, self.key, self.value = (len(found[1]), found[2], found[3] or "") if found else (0, "", "")

    def with_value(self, value):
        return f"{' ' * self.indent}{self.key}: {value}"


class Breaker:
    """Each method is a way to break; it returns the text and the line to be named, or None."""

    def __init__(self, good, seed):
        self.lines = [Line(i + 1, text) for i, text in enumerate(good.splitlines())]
        self.keys = [line for line in self.lines if line.key]
        self.leaves = [line for line in self.keys if line.value]
        self.names = {line.key for line in self.keys}
        self.random = random.Random(seed)

    def text(self, changed=None):
        changed = changed or {}
        rows = [changed.get(line.number, line.text) for line in self.lines]
        return "\n".join(row for row in rows if row is not None) + "\n"

    def parent(self, line):
        return next((k for k in reversed(self.keys[:self.keys.index(line)]) if k.indent < line.indent), None)

    def sibling_above(self, line):
        for k in reversed(self.keys[:self.keys.index(line)]):
            if k.indent <= line.indent:
                return k if k.indent == line.indent else None
        return None

    def known(self, leaf):
        """Some line whose key goflow knows."""
        among = self.leaves if leaf else self.keys
        return self.random.choice([k for k in among if k.key not in OWN_NAMES and "." not in k.key])

    def misspelt_key(self):
        line = self.known(False)
        at = self.random.randrange(len(line.key))
        letter = self.random.choice("abcdefghijklmnopqrstuvwxyz")
        word = self.random.choice([line.key[:at] + line.key[at + 1:], line.key[:at] + letter + line.key[at:],
                                   line.key[:at] + letter + line.key[at + 1:], line.key.swapcase()])
        if not word or word in self.names or word in ("api_token_file", "TEST_MODE"):
            return None
        return self.text({line.number: line.text.replace(line.key, word, 1)}), line.number

    def key_of_elsewhere(self):
        line = self.known(True)
        scope = self.parent(line)
        word = self.random.choice(["colour", "SQL_SERVERS", "bindaddress", "KAFKA_SERVER_2", "brokers", "host"])
        if scope is not None and scope.key in ("backends", "frontends"):
            return None
        changed = {line.number: f"{line.text}\n{' ' * line.indent}{word}: x"}
        return self.text(changed), line.number + 1

    def mapping_for_a_value(self):
        line = self.known(True)
        if line.key == "api":
            return None
        return self.text({line.number: line.with_value("{a: 1}")}), line.number

    def list_for_a_value(self):
        line = self.known(True)
        if line.key in ("index", "columns", "key", "backends"):
            return None
        return self.text({line.number: line.with_value("[a, b]")}), line.number

    def value_for_a_mapping(self):
        line = self.random.choice([k for k in self.keys if not k.value and k.key not in ("api",)])
        inside, changed = True, {line.number: line.with_value("of no use")}
        for other in self.lines[line.number:]:
            inside = inside and (not other.key or other.indent > line.indent)
            if inside:
                changed[other.number] = ""
        return self.text(changed), line.number

    def out_of_range(self):
        line = self.random.choice([k for k in self.leaves if k.key in RANGES])
        return self.text({line.number: line.with_value(self.random.choice(RANGES[line.key]))}), line.number

    def key_twice(self):
        line = self.random.choice(self.leaves)
        return self.text({line.number: f"{line.text}\n{line.text}"}), line.number + 1

    def indented_more(self):
        line = self.random.choice(self.keys)
        if not self.sibling_above(line):
            return None
        return self.text({line.number: " " + line.text}), line.number

    def indented_less(self):
        line = self.random.choice([k for k in self.keys if k.indent > 0])
        if not self.sibling_above(line):
            return None
        return self.text({line.number: line.text[1:]}), line.number

    def tab(self):
        line = self.random.choice([k for k in self.keys if k.indent > 0])
        if not self.sibling_above(line):
            return None
        return self.text({line.number: "\t" + line.text.lstrip()}), line.number

    def colon_deleted(self):
        line = self.random.choice(self.leaves)
        return self.text({line.number: line.text.replace(": ", " ", 1)}), line.number

    def blank_deleted(self):
        line = self.random.choice(self.leaves)
        return self.text({line.number: line.text.replace(": ", ":", 1)}), line.number

    def quote_not_ended(self):
        line = self.known(True)
        quote = self.random.choice("'\"")
        return self.text({line.number: line.with_value(quote + line.value.strip("'"))}), line.number

    def bracket_not_ended(self):
        line = self.random.choice([k for k in self.leaves if k.value.startswith("[")])
        return self.text({line.number: line.text.rstrip("]")}), line.number

    def text_behind_a_list(self):
        line = self.known(True)
        return self.text({line.number: line.with_value("[address]:[port]")}), line.number

    def value_over_two_lines(self):
        line = self.known(True)
        if line.value.startswith(("[", "'")):
            return None
        return self.text({line.number: f"{line.text}\n{' ' * line.indent}  and more"}), line.number

    def required_key_gone(self):
        line = self.random.choice([k for k in self.leaves if k.key in REQUIRED])
        owner = self.parent(line)
        if owner is None or (line.key == "type" and self.parent(owner).key != "backends"):
            return None
        owner = self.parent(owner) if owner.key == "config" else owner
        return self.text({line.number: ""}), owner.number

    def same_port_twice(self):
        first, second = [k for k in self.leaves if k.key == "bindport"]
        return self.text({second.number: second.with_value(first.value)}), second.number

    def byte(self):
        line = self.random.choice(self.lines)
        what = self.random.choice(["\udcff", "\udcc3", "\x01", "\x7f", "\udced\udca0\udc80"])
        at = self.random.randrange(len(line.text) + 1)
        return self.text({line.number: line.text[:at] + what + line.text[at:]}), line.number


def main():
    good, folder, count, seed = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    breaker = Breaker(good.read_text(encoding="utf-8"), seed)
    ways = sorted(name for name in vars(Breaker) if name not in
                  ("text", "parent", "sibling_above", "known") and not name.startswith("_"))
    done = 0
    while done < count:
        way = ways[done % len(ways)]
        broken = getattr(breaker, way)()
        if broken:
            (folder / f"{done:03}.yml").write_bytes(broken[0].encode("utf-8", "surrogateescape"))
            print(f"{done:03}\t{broken[1]}\t{way}")
            done += 1


main()
