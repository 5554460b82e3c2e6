# make bench: what goflow does beside nfdump, and beside a plain loader into SQLite. Prints a table; leaves nothing behind.
#
#   make bench FLOWS=2000000 ROUNDS=5 NFDUMP_BIN=/opt/nfdump/bin KINDS='v5 v9' PARTS='decode json sqlite memory'

FLOWS      ?= 2000000
ROUNDS     ?= 5
KINDS      ?= v5 v9 ipfix mix
PARTS      ?= decode json sqlite memory
NFDUMP_BIN ?=

BENCH_SRC  = $(sort $(wildcard bench/*.c))
BENCH      = $(BENCH_SRC:%.c=$(BUILD)/%)

$(BENCH): %: %.o $(BUILD)/libgoflow.a
	$(LINK) -lsqlite3 -lmariadb -lrdkafka $(LIBS_ALL)

bench: $(BIN) $(BENCH)
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' NFDUMP_BIN='$(NFDUMP_BIN)' \
		bench/bench.py --flows $(FLOWS) --rounds $(ROUNDS) --kinds $(KINDS) --parts $(PARTS)

# nfsink-pg and nfsink-mysql beside the loaders of their servers, and beside one INSERT a flow.
bench-servers: $(BIN) $(BUILD)/bench/gen $(BUILD)/bench/bindload
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' bench/servers.sh $(FLOWS) $(ROUNDS)

# What a flow takes in each database.
bench-sizes: $(BIN) $(BUILD)/bench/gen
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' bench/sizes.sh $(FLOWS)

# nfsink-kafka beside librdkafka alone.
bench-kafka: $(BIN) $(BUILD)/bench/gen $(BUILD)/bench/kafkaload
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' bench/kafka.sh $(FLOWS) $(ROUNDS)

# How long it takes goflow to store the first flow.
bench-start: $(BIN)
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' bench/start.sh

# What nfdecode remembers of many exporters of many templates.
bench-state: $(BIN) $(BUILD)/bench/measure
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' bench/state.py 1000 500

# How fast nfdecode decodes beside that of another build: make bench-builds OTHER=FOLDER-OF-PROGRAMS [CAPTURES='FILE ...']
bench-builds: $(BIN) $(BUILD)/bench/gen
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' BENCH_BIN='$(abspath $(BUILD))/bench' \
		bench/builds.py '$(OTHER)' $(FLOWS) $(ROUNDS) $(CAPTURES)

.PHONY: bench-servers bench-sizes bench-kafka bench-start bench-state bench-builds

-include $(BENCH_SRC:%.c=$(BUILD)/%.d)
