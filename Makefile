# make fly [PHOTO=picture.jpg]    fly into a photo (without PHOTO: into a demo photo)
# make test                       all checks: style, types, tests
#
# Both set everything up first, on a bare Debian with Python 3.11 or newer: system libraries (as root; otherwise the line to
# run is printed), a virtual environment in .venv, and everything Python. A second run finds it done.

.PHONY: fly test
.DELETE_ON_ERROR:
export PHOTO
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --no-input

# OpenGL and what pyglet loads at run time
FLY_PACKAGES := libgl1 libegl1 libgl1-mesa-dri libglx-mesa0 libegl-mesa0 libx11-6 libxext6 libxi6 libxinerama1 libxrandr2 \
	libxcursor1 libfontconfig1 libfreetype6
# a display of the tests' own, keys sent to it, and the C++ compiler that the CUDA source is checked with
TEST_PACKAGES := xvfb xauth xdotool g++

fly: .venv/fly.stamp
	@$(BIN)/photoflight fly $${PHOTO:+"$$PHOTO"}

test: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -v --tb=short -n 2 --dist loadfile --max-worker-restart 0

# $(call system,PACKAGES): install those of them that are missing, where there is apt-get
define system
	@command -v apt-get >/dev/null || exit 0; \
	missing=$$(for package in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || echo $$package; done); \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then \
		echo "Installing" $$missing; \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
		echo "Missing system packages. Run this, then make again:"; \
		echo "    sudo apt-get update && sudo apt-get install -y --no-install-recommends" $$missing; \
		exit 1; \
	fi
endef

.venv/bin/python:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed as python3"; exit 1; }
	$(call system,$(PYTHON_PACKAGES))
	@echo "Making .venv"
	@python3 -m venv .venv

# pynput brings a small C extension, which needs a compiler and Python's headers; a Python that is not Debian's has its own
PYTHON_PACKAGES = gcc libc6-dev $(shell python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv) \
	$(shell python3 -c 'import sysconfig; open(sysconfig.get_path("include") + "/Python.h")' 2>/dev/null || echo python3-dev)

# torch first: without an NVIDIA GPU a build for the CPU where pip is offered one, before anything else asks for the default
.venv/fly.stamp: pyproject.toml | .venv/bin/python
	$(call system,$(FLY_PACKAGES))
	@echo "Installing the program and what it needs (minutes, the first time)"
	@if nvidia-smi -L >/dev/null 2>&1; then $(PIP) torch && $(PIP) -e '.[cuda]'; \
	else $(PIP) torch==2.13.0 && $(PIP) -e .; fi
	@touch $@

.venv/test.stamp: .venv/fly.stamp
	$(call system,$(TEST_PACKAGES))
	@$(PIP) -e '.[test]'
	@touch $@
