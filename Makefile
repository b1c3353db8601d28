# Stratum's daily commands. Needs Python 3.11 or newer and make, nothing else: `make run`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
# The moment make began; `manage.py up` prints how long the first page took from here.
STARTED := $(shell date +%s.%N)
# No byte code for the many modules that are never imported: it halves the installation.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-input

# Byte code is kept, away from the sources, whatever the shell says: a process that compiles everything anew starts three
# times as slowly, and `up` starts a dozen.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode

.DEFAULT_GOAL := help
.PHONY: help run test check bench stop clean

help:
	@echo "make run     install, start everything, print address and logins (ARGS='--port 9000')"
	@echo "make test    install, run all tests on all cores (ARGS='rules -x')"
	@echo "make check   lint, types, import contracts, migrations, deployment settings, templates"
	@echo "make bench   measure the product on this machine"
	@echo "make stop    stop a running Stratum and its embedded servers"
	@echo "make clean   stop, then remove the installation and ALL its data"

run: $(INSTALLED)
	@STRATUM_STARTED=$(STARTED) exec $(BIN)/python manage.py up $(ARGS)

test: $(INSTALLED_DEV)
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

# The settings of a production host, with secrets that open nothing.
PRODUCTION := env DEBUG=false STRATUM_EMBEDDED=false ALLOWED_HOSTS=stratum.example PUBLIC_URL=https://stratum.example \
	DATABASE_URL=postgres://app:unused@127.0.0.1:1/stratum REDIS_URL=redis://127.0.0.1:1/0 DJANGO_SETTINGS_MODULE=stratum.settings \
	FERNET_KEYS=not-a-real-key EMAIL_HASH_KEY=not-a-real-key \
	SECRET_KEY="$$(head -c 48 /dev/urandom | base64 -w0)"

check: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	@echo "mypy"; $(PRODUCTION) $(BIN)/mypy
	$(BIN)/python manage.py makemigrations --check --dry-run
	@echo "manage.py check --deploy, with the settings of a production host"
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/djlint --lint templates

bench: $(INSTALLED)
	@$(BIN)/python manage.py bench $(ARGS)

stop:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stratum.embedded stop; else echo "Nothing is installed."; fi

clean:
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m stratum.embedded destroy; fi
	rm -rf $(VENV) .stratum

# A stamp is written last, so that an interrupted installation is taken up again.
$(INSTALLED): requirements.txt
	@$(PYTHON) -I stratum/embedded/virtualenv.py $(VENV)
	@echo "Installing requirements.txt ..."
	@begin=$$(date +%s); $(PIP_INSTALL) -r requirements.txt && touch $@ \
	&& echo "Installed in $$(( $$(date +%s) - begin )) s."

$(INSTALLED_DEV): requirements-dev.txt $(INSTALLED)
	@echo "Installing requirements-dev.txt ..."
	@begin=$$(date +%s); $(PIP_INSTALL) -r requirements-dev.txt && touch $@ \
	&& echo "Installed in $$(( $$(date +%s) - begin )) s."
