# goflow: one makefile, not recursive.
#
#   make                    the programs, into $(BUILD)/bin; installs nothing, needs no root
#   make demo               installs what is missing, builds, and shows the main job on real captures
#   make check              installs what the tests need, builds, runs all tests
#                           (T='house test_ip*' runs only these; JOBS=4 at a time)
#   make check-unit         only the unit tests and the replays of the fuzzing corpus
#   make lint, format       what the sources are held to; clang-format on all of them
#   make fuzz T=NAME TIME=60   one target of tests/fuzz under libFuzzer
#   make torture KILLS=50 SEED=7   Kafka's collectors and writers killed at random, for long
#   make soak SECONDS=900 SEED=7     goflow under load while stages are killed and its configuration changes
#   make bench              measures; see bench/
#   make install DESTDIR= PREFIX=/usr/local, uninstall, dist, clean
#
# All of these take BUILD=FOLDER, CC=, CFLAGS=, SAN=address,undefined (which has a folder of its own),
# and V=1, which shows whole commands.

MAKEFLAGS += --no-builtin-rules --no-print-directory

SAN      ?=
BUILD    ?= build$(if $(SAN),/san)
# However it is written, it is one folder: what was built in it is not built again.
override BUILD := $(patsubst $(CURDIR)/%,%,$(abspath $(BUILD)))
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
JOBS     ?= $(shell nproc 2>/dev/null || echo 2)
TIME     ?= 60
T        ?=

BINDIR   = $(DESTDIR)$(PREFIX)/bin
MANDIR   = $(DESTDIR)$(PREFIX)/share/man
SHAREDIR = $(DESTDIR)$(PREFIX)/share/goflow
DOCDIR   = $(DESTDIR)$(PREFIX)/share/doc/goflow

PROGRAMS = nfrecv nfdecode nftee nfjson nfsink-sqlite nfsink-pg nfsink-mysql nfsink-kafka nfsrc-kafka nfctl goflow
LIBS_nfrecv        = -lpcap -lseccomp
LIBS_nfdecode      = -lseccomp -lyaml
LIBS_nfjson        = -lyaml
LIBS_nfsink-sqlite = -lsqlite3 -lyaml
LIBS_nfsink-pg     = -lpq -lyaml
LIBS_nfsink-mysql  = -lmariadb -lyaml
LIBS_nfsink-kafka  = -lrdkafka -lprotobuf-c -lyaml
LIBS_nfsrc-kafka   = -lrdkafka -lcrypto -lprotobuf-c
LIBS_goflow        = -lyaml -lmicrohttpd -lcurl
LIBS_ALL           = -ljansson
LIBS_TEST          = -lcmocka -lpcap -lseccomp -lsqlite3 -lprotobuf-c -lyaml

WARN   = -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wwrite-strings -Wpointer-arith
# _FORTIFY_SOURCE works in optimised code alone, and hides what a sanitizer would find.
FORTIFY = $(if $(filter-out -O0,$(filter -O%,$(CFLAGS))),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN = $(if $(SAN),,$(FORTIFY)) -fstack-protector-strong -fPIE
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CLIENTS     := $(shell pkg-config --cflags libpq libmariadb 2>/dev/null) # where a server's headers have a folder
ALL_CPPFLAGS = -D_GNU_SOURCE -I. -I$(BUILD) $(CLIENTS) $(CPPFLAGS)
ALL_CFLAGS   = -std=c11 $(WARN) $(HARDEN) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS  = -pie -Wl,-z,relro,-z,now $(LDFLAGS)

# Names of sources and of what is made from them.
LIB_SRC   = $(sort $(wildcard lib/*.c))
UNIT_SRC  = $(sort $(wildcard tests/unit/test_*.c))
UNIT_AID  = $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))
FUZZ_SRC  = $(sort $(filter-out tests/fuzz/replay.c,$(wildcard tests/fuzz/*.c)))
TOOL_SRC  = $(sort $(wildcard tests/tools/*.c))
LOAD_SRC  = $(sort $(wildcard tests/preload/*.c)) # loaded into programs under test
SRC_OF    = $(sort $(wildcard $(1)/*.c))
DOC_SRC   = docs/fieldtable.c docs/protofile.c
ALL_SRC   = $(LIB_SRC) $(DOC_SRC) $(foreach p,$(PROGRAMS),$(call SRC_OF,$(p))) $(UNIT_SRC) $(UNIT_AID) \
	    $(FUZZ_SRC) tests/fuzz/replay.c $(TOOL_SRC) $(LOAD_SRC)
OBJ       = $(patsubst %.c,$(BUILD)/%.o,$(1))
BIN       = $(PROGRAMS:%=$(BUILD)/bin/%)
UNITS     = $(UNIT_SRC:%.c=$(BUILD)/%)
REPLAYS   = $(FUZZ_SRC:%.c=$(BUILD)/%-replay)
FUZZERS   = $(FUZZ_SRC:%.c=$(BUILD)/%-fuzz)
TOOLS     = $(TOOL_SRC:%.c=$(BUILD)/%)
LOADED    = $(LOAD_SRC:%.c=$(BUILD)/%.so)
PROTO     = $(BUILD)/proto/goflow.proto $(BUILD)/proto/goflow2.proto
MAN_MADE  = $(patsubst docs/man/%.in,$(BUILD)/man/%,$(sort $(wildcard docs/man/*.in)))
MAN       = $(sort $(wildcard */*.[1-8] docs/man/*.[1-8])) $(MAN_MADE)
MAN_OF    = $(filter %.$(1),$(MAN))

all: $(BIN) $(MAN_MADE) $(PROTO)
tests: $(UNITS) $(REPLAYS) $(TOOLS) $(LOADED)

# Said once, in plain words, before the compiler says it at length.
$(BUILD)/packages: scripts/packages
	@mkdir -p $(@D)
	@$(PACKAGES) need build
	@touch $@

# What was compiled with other flags is compiled again; what was linked from other files is linked again.
define remember
ifneq ($$(strip $$(file <$(1))),$$(strip $(2)))
$(1): FORCE
endif
$(1):
	@mkdir -p $$(@D)
	@printf '%s\n' '$$(strip $(2))' >$$@
endef
FLAGS = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) / $(ALL_LDFLAGS)
$(eval $(call remember,$(BUILD)/flags,$$(FLAGS)))
$(eval $(call remember,$(BUILD)/sources,$$(ALL_SRC)))

# What is done to a file; with V=1 the whole command, with make -s nothing.
QUIET   = $(findstring s,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
SAY     = $(if $(V),,@$(if $(QUIET),,printf '  %-4s %s\n' $(1) '$@' &&))
COMPILE = $(call SAY,CC) $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<
LINK    = $(call SAY,LD) $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)

$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/packages
	@mkdir -p $(@D)
	$(COMPILE)

$(BUILD)/libgoflow.a: $(call OBJ,$(LIB_SRC)) $(PROTO:.proto=.pb-c.o) $(BUILD)/sources
	@rm -f $@
	$(call SAY,AR) ar rcs $@ $(filter %.o,$^)

# The messages in protobuf: one made of the table of fields, one as it stands; their C is made of both, and
# is not ours to warn about.
$(BUILD)/docs/protofile: $(BUILD)/docs/protofile.o $(BUILD)/lib/fields.o
	$(LINK)

$(BUILD)/proto/goflow.proto: $(BUILD)/docs/protofile
	@mkdir -p $(@D)
	$(call SAY,MSG) $(BUILD)/docs/protofile >$@

$(BUILD)/proto/goflow2.proto: lib/goflow2.proto
	@mkdir -p $(@D)
	@cp $< $@

$(BUILD)/proto/%.pb-c.h: $(BUILD)/proto/%.proto | $(BUILD)/packages
	$(call SAY,MSG) protoc-c -I$(@D) --c_out=$(@D) $<

$(BUILD)/proto/%.pb-c.c: $(BUILD)/proto/%.pb-c.h ;

$(BUILD)/proto/%.pb-c.o: $(BUILD)/proto/%.pb-c.c $(BUILD)/flags
	$(COMPILE) -w

$(patsubst %.c,$(BUILD)/%.o,$(filter lib/proto%,$(LIB_SRC))): | $(PROTO:.proto=.pb-c.h)

define program
$(BUILD)/bin/$(1): $(call OBJ,$(call SRC_OF,$(1))) $(BUILD)/libgoflow.a $(BUILD)/sources
	@mkdir -p $$(@D)
	$$(LINK) $$(LIBS_$(1)) $$(LIBS_ALL)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(UNITS): %: %.o $(call OBJ,$(UNIT_AID)) $(BUILD)/libgoflow.a
	$(LINK) $(LIBS_TEST) $(LIBS_ALL)

$(REPLAYS): %-replay: %.o $(BUILD)/tests/fuzz/replay.o $(BUILD)/libgoflow.a
	$(LINK) -lprotobuf-c $(LIBS_ALL)

$(FUZZERS): %-fuzz: %.o $(BUILD)/libgoflow.a
	$(LINK) -fsanitize=fuzzer -lprotobuf-c $(LIBS_ALL)

# Two targets need a library more; another is over goflow's own files.
$(foreach t,elements exporters,$(BUILD)/tests/fuzz/$(t)-replay $(BUILD)/tests/fuzz/$(t)-fuzz): LIBS_ALL += -lyaml
CONFIG_OBJ = $(call OBJ,$(sort $(wildcard goflow/config*.c)))
$(BUILD)/tests/fuzz/config-replay $(BUILD)/tests/fuzz/config-fuzz: $(CONFIG_OBJ)
$(BUILD)/tests/fuzz/config-replay $(BUILD)/tests/fuzz/config-fuzz: LIBS_ALL += $(LIBS_goflow)

$(TOOLS): %: %.o $(BUILD)/libgoflow.a
	$(LINK) -lpcap -lrdkafka -lprotobuf-c $(LIBS_ALL)

# Two tools, too: one is over the unit tests' own records.
$(BUILD)/tests/tools/samples: $(BUILD)/tests/unit/records.o
$(BUILD)/tests/tools/apiserve: $(CONFIG_OBJ) $(call OBJ,$(sort $(wildcard goflow/api*.c)))
$(BUILD)/tests/tools/apiserve: LIBS_ALL += $(LIBS_goflow)

# The assembler takes the page in.
$(BUILD)/goflow/api_page.o: goflow/page.html

$(LOADED): $(BUILD)/%.so: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call SAY,LD) $(CC) $(ALL_CPPFLAGS) $(filter-out -fPIE,$(ALL_CFLAGS)) -MMD -MP -fPIC -shared -o $@ $<

# Manuals with tables that come out of lib's own.
$(BUILD)/docs/fieldtable: $(BUILD)/docs/fieldtable.o $(BUILD)/libgoflow.a
	$(LINK) $(LIBS_ALL)

$(BUILD)/man/%: docs/man/%.in $(BUILD)/docs/fieldtable
	@mkdir -p $(@D)
	$(call SAY,MAN) $(BUILD)/docs/fieldtable <$< >$@

# Objects of tests are wanted again, so they are not taken for intermediate files.
.SECONDARY:

# These build in parallel, unless they were told how.
SUBMAKE = $(MAKE) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
PACKAGES = CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' scripts/packages

demo:
	@$(PACKAGES) install build demo
	+@$(MAKE) -q all || { echo 'building ...' && $(SUBMAKE) -s all; }
	@GOFLOW_BIN='$(abspath $(BUILD))/bin' scripts/demo '$(abspath $(BUILD))/demo'

RUN_TESTS = GOFLOW_BIN='$(abspath $(BUILD))/bin' GOFLOW_SAN='$(SAN)' JOBS=$(JOBS) \
	    scripts/run-tests '$(abspath $(BUILD))/tests'

# What decodes changed captures is built with sanitizers, whatever the rest is built with.
FLIPS = '$(BUILD)/san/tests/tools/flips'

check:
	@$(PACKAGES) install build check
	+@$(SUBMAKE) all tests
	+$(if $(SAN),,@$(SUBMAKE) SAN=address,undefined BUILD='$(BUILD)/san' $(FLIPS))
	@$(RUN_TESTS) all $(foreach t,$(T),'$(t)')

torture:
	@$(PACKAGES) install build check
	+@$(SUBMAKE) all tests
	@GOFLOW_KILLS='$(or $(KILLS),50)' GOFLOW_SEED='$(SEED)' GOFLOW_TORTURE_LOG='$(abspath $(BUILD))/torture.log' $(RUN_TESTS) all nfsrc-kafka-torture
	@cat '$(BUILD)/torture.log'

soak:
	@$(PACKAGES) install build check
	+@$(SUBMAKE) all tests
	@GOFLOW_SECONDS='$(or $(SECONDS),900)' GOFLOW_SEED='$(SEED)' GOFLOW_SOAK_LOG='$(abspath $(BUILD))/soak.log' \
		GOFLOW_TEST_TIMEOUT=$$(($(or $(SECONDS),900) * 2 + 300)) $(RUN_TESTS) all goflow-soak
	@cat '$(BUILD)/soak.log'

check-unit:
	@$(PACKAGES) install build check
	+@$(SUBMAKE) tests
	@$(RUN_TESTS) unit $(foreach t,$(T),'$(t)')

lint:
	@$(PACKAGES) install build lint
	+@$(SUBMAKE) -s $(MAN_MADE) $(PROTO:.proto=.pb-c.h)
	@JOBS=$(JOBS) MADE='$(BUILD)' MANUALS='$(MAN)' scripts/lint $(T)

format:
	clang-format -i $(sort $(wildcard */*.c tests/*/*.c))

fuzz:
	@test -n '$(T)' || { echo 'make fuzz T=NAME [TIME=SECONDS]; targets: $(basename $(notdir $(FUZZ_SRC)))'; exit 64; }
	@scripts/packages need fuzz
	+@$(SUBMAKE) CC=clang SAN=fuzzer-no-link,address,undefined BUILD='$(BUILD)/fuzz' \
		'$(BUILD)/fuzz/tests/fuzz/$(T)-fuzz'
	@mkdir -p '$(BUILD)/fuzz/corpus/$(T)'
	'$(BUILD)/fuzz/tests/fuzz/$(T)-fuzz' -max_total_time=$(TIME) -timeout=10 -rss_limit_mb=2048 \
		-artifact_prefix='$(BUILD)/fuzz/$(T)-' '$(BUILD)/fuzz/corpus/$(T)' $(wildcard tests/fuzz/corpus/$(T))

# Completions are named as bash and zsh look for them.
BASHDIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR   = $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions
UNITDIR  = $(DESTDIR)$(PREFIX)/lib/systemd/system
COMPLETE = goflow nfctl
UNITS_SD = goflow.service goflow.socket

install: all
	install -d '$(BINDIR)' '$(MANDIR)/man1' '$(MANDIR)/man5' '$(MANDIR)/man7' '$(DOCDIR)/examples' '$(SHAREDIR)' \
		'$(SHAREDIR)/grafana_db/mysql' '$(BASHDIR)' '$(ZSHDIR)' '$(UNITDIR)'
	install $(BIN) '$(BINDIR)'
	install -m 644 $(PROTO) '$(SHAREDIR)'
	$(foreach s,1 5 7,install -m 644 $(call MAN_OF,$(s)) '$(MANDIR)/man$(s)' &&) true
	install -m 644 README.md CHANGELOG.md LICENSE config_example.yml $(sort $(wildcard docs/*.md)) '$(DOCDIR)'
	cp -R examples/. '$(DOCDIR)/examples'
	install -m 644 $(sort $(wildcard grafana_db/*.json)) '$(SHAREDIR)/grafana_db'
	install -m 644 $(sort $(wildcard grafana_db/mysql/*.json)) '$(SHAREDIR)/grafana_db/mysql'
	$(foreach c,$(COMPLETE),install -m 644 packaging/completion/$(c).bash '$(BASHDIR)/$(c)' && \
		install -m 644 packaging/completion/_$(c) '$(ZSHDIR)' &&) true
	sed 's,@BINDIR@,$(PREFIX)/bin,' packaging/goflow.service >'$(UNITDIR)/goflow.service'
	install -m 644 packaging/goflow.socket '$(UNITDIR)'

uninstall:
	rm -f $(PROGRAMS:%='$(BINDIR)/%') $(foreach m,$(notdir $(MAN)),'$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(m)') \
		$(COMPLETE:%='$(BASHDIR)/%') $(COMPLETE:%='$(ZSHDIR)/_%') $(UNITS_SD:%='$(UNITDIR)/%')
	rm -rf '$(DOCDIR)' '$(SHAREDIR)'

# The sources, and the release for Linux on AMD64: both out of what is committed, built in a folder of their own.
VERSION = $(shell sed -n 's/.*GOFLOW_VERSION "\(.*\)"/\1/p' lib/base.h)
dist:
	@mkdir -p '$(BUILD)'
	git archive --prefix=goflow-$(VERSION)/ -o '$(BUILD)/goflow-$(VERSION).tar.gz' HEAD
	@rm -rf '$(BUILD)/release' && mkdir -p '$(BUILD)/release/goflow'
	@tar -xzf '$(BUILD)/goflow-$(VERSION).tar.gz' -C '$(BUILD)/release'
	+@$(SUBMAKE) -s -C '$(BUILD)/release/goflow-$(VERSION)' BUILD=build PREFIX=/ DESTDIR='$(abspath $(BUILD))/release/goflow' install
	@strip '$(BUILD)/release/goflow/bin/'*
	@cp packaging/goflow.service '$(BUILD)/release/goflow/lib/systemd/system'
	@cp packaging/install.sh config_example.yml README.md LICENSE '$(BUILD)/release/goflow'
	tar -czf '$(BUILD)/goflow.Linux.AMD64.tar.gz' --owner=0 --group=0 -C '$(BUILD)/release' goflow

# Only a folder that this makefile has filled.
clean:
	@test ! -e '$(BUILD)/flags' || { echo "rm -rf $(BUILD)"; rm -rf '$(BUILD)'; }

-include bench/bench.mk
-include $(patsubst %.c,$(BUILD)/%.d,$(ALL_SRC))

.PHONY: all tests demo check torture soak check-unit lint format fuzz install uninstall dist clean bench FORCE
.DELETE_ON_ERROR:
