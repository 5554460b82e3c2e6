#!/usr/bin/env bats
# The operations page in headless Chromium: live traffic on it, in light and dark, on a phone; text from outside stays
# text; the token is asked for where it is needed; and it says so when goflow has gone.

load helpers
load servers
load api

bats_require_minimum_version 1.5.0

# Contrast of each visible text with what is behind it, by WCAG 2.2, 1.4.3: those with too little.
contrast='(() => {
	const part = c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
	const numbers = text => text.match(/[\d.]+/g).map(Number);
	const light = c => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
	const behind = e => {
		const c = numbers(getComputedStyle(e).backgroundColor);
		return c.length < 4 || c[3] ? c : e.parentElement ? behind(e.parentElement) : [255, 255, 255];
	};
	return [...document.querySelectorAll("body *")].filter(e => e.getClientRects().length &&
		!["SCRIPT", "STYLE"].includes(e.tagName) &&
		[...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).filter(e => {
		const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
		return (a + 0.05) / (b + 0.05) < 4.5;
	}).map(e => e.textContent);
})()'
# What is wider than the window.
too_wide='[document.documentElement.scrollWidth - innerWidth, ...[...document.querySelectorAll(".scroll")].map(e => e.scrollWidth - e.clientWidth)]'
overflow="$too_wide.filter(n => n > 0)"

# need_browser: skips where it is not installed, or cannot run, as in some containers
need_browser() {
	need_command chromium chromedriver
	local code=0
	"$TOOLS/browser.py" about:blank 2>browser.err || code=$?
	[ "$code" -ne 69 ] || skip "$(tail -n 1 browser.err)"
	[ "$code" -eq 0 ] || fail "$(cat browser.err)"
}

page() {
	"$TOOLS/browser.py" "$url/" "$@" >page.out 2>page.err || fail "$(cat page.err)"
}

# Traffic until the test ends.
traffic() {
	# shellcheck disable=SC2016 # the inner shell's
	background bash -c 'while :; do "$@" || sleep 0.1; done' traffic "$TOOLS/udpsend.py" \
		"$GOFLOW_EXAMPLES/softflowd-v9.pcap" 127.0.0.1 "$udp" --pps 200 >sent 2>&1
}

live='+document.querySelector("#charts .value").textContent.match(/^[\d.]+/) > 0 &&
	document.querySelectorAll("#exporters tbody th").length === 1 && document.querySelectorAll("#stages tbody tr").length === 3 &&
	document.querySelector("#charts .stroke").getAttribute("d").includes("L")'

@test "live traffic: rates move, every stage, backend and exporter is there; nothing comes from elsewhere" {
	need_browser
	start_api
	start_flow
	traffic
	page size 1200x900 scheme light until "$live" print "$contrast" print "$overflow" \
		print 'document.getElementById("state").textContent' \
		print 'performance.getEntriesByType("resource").filter(r => !r.name.startsWith(location.origin + "/")).map(r => r.name)' \
		print '[...document.querySelectorAll("#backends tbody tr")].map(r => r.innerText.split(/\s+/)[0])' \
		print '[...document.querySelectorAll("#stages tbody th")].map(e => e.textContent)' \
		print '[...document.querySelectorAll("svg")].every(s => s.getAttribute("aria-label").includes("/s"))' shot light.png
	same '[] [] "● 3 stages running" [] ["db"] ["nfrecv · netflow", "nfdecode · netflow", "nfsink-sqlite · netflow → db"] true' \
		"$(jq -nrj '[inputs | tojson] | join(" ")' page.out | sed 's/","/", "/g')"
	[ -s light.png ]
}

@test "360 pixels wide and in the dark: nothing is cut off, all can be read" {
	need_browser
	start_api
	start_flow
	traffic
	page size 360x800 scheme dark until "$live" print "$contrast" print "$overflow" \
		print 'getComputedStyle(document.body).backgroundColor' shot dark.png
	same $'[]\n[]\n"rgb(16, 21, 27)"' "$(cat page.out)"
}

@test "text from outside stays text" {
	need_browser
	start_api
	cat >stage.py <<-'END'
		import json, socket, sys
		bad = "<img src=x onerror=alert(1)><script>document.title=1</script>\"'"
		listener = socket.socket(socket.AF_UNIX)
		listener.bind(sys.argv[1])
		listener.listen(16)
		while True:
		    client, _ = listener.accept()
		    client.recv(300)
		    client.sendall(json.dumps({"program": bad, "pid": 7, "uptime_ms": 5, "pipeline": bad, "backend": bad,
		        "ledger": {"unit": bad, "in": 3, "out": 1, "waiting": 0, "lost": {bad: 2}},
		        "exporters": [{"address": bad, "versions": [bad], "flows": 1, "sampling_rate": bad, "sampling_source": bad,
		                       "last_seen": bad}]}).encode())
		    client.close()
	END
	background python3 stage.py "$GOFLOW_RUNDIR/x.1.sock"
	wait_for 5 test -S "$GOFLOW_RUNDIR/x.1.sock"
	page until 'document.querySelectorAll("#exporters tbody th").length && document.querySelectorAll("#stages tbody th").length' \
		print 'document.querySelectorAll("img, main script").length' \
		print 'document.querySelector("#exporters tbody th").textContent.startsWith("<img src=x")' \
		print 'document.title'
	same $'0\ntrue\n"goflow"' "$(cat page.out)"
}

@test "off loopback it asks for the token, refuses a wrong one, and keeps the right one for this window" {
	need_browser
	api_address=0.0.0.0
	start_api
	local enter='document.getElementById("token").value = "%s"; document.querySelector("#login button").click()'
	local hidden='document.getElementById("login").hidden' notice='document.getElementById("notice").textContent'
	# shellcheck disable=SC2059 # that is the form
	run ! page until "!$hidden" print "$notice" act "$(printf "$enter" wrong)" until "$notice.includes('not the token')" \
		act "$(printf "$enter" "$token")" until "$hidden && !document.getElementById('data').hidden" act 'location.reload()' \
		until "document.getElementById('data') && !document.getElementById('data').hidden" print "$hidden"
	same $'"This address needs the token of the API."\ntrue' "$(cat page.out)"
	# the refusals are all that the console has
	absent -v '401 (Unauthorized)' page.err
}

@test "goflow goes, and comes back" {
	need_browser
	start_api
	local notice='document.getElementById("notice")'
	run ! page until 'document.getElementById("state").textContent.includes("no stage")' run "kill -TERM $api" \
		until "!$notice.hidden && $notice.textContent.includes('does not answer')" \
		run "setsid apiserve config.yml 2>again.err >/dev/null & echo \$! >>'$BATS_TEST_TMPDIR/.pids'" until "$notice.hidden" \
		print 'document.getElementById("state").textContent'
	same '✕ no stage is running' "$(jq -r . page.out)"
	absent -v ERR_CONNECTION_REFUSED page.err
}
