# Everything runs from .venv, which is made on first use and again when its inputs change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Where a ROS distribution is sourced, rclpy comes from it; elsewhere ROS comes from wheels.
ifdef ROS_DISTRO
EXTRAS := test
VENV_OPTIONS := --system-site-packages
# So must numpy: the distribution's messages are compiled for the major version that it has.
NUMPY := $(shell $(PYTHON) -c 'import numpy; print("numpy<%d" % (1 + int(numpy.__version__[0])))' \
    2>/dev/null || echo 'numpy<2')
CONSTRAIN := 's/^numpy==.*/$(NUMPY)/'
else
EXTRAS := ros,test
CONSTRAIN := ''
# Left by another virtual environment's ROS wheels: their library path would win over ours.
ifdef _ROS_WHEELS_BOOTSTRAP_COMPLETE
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH AMENT_PREFIX_PATH
endif
# Packages of another interpreter are of no use in .venv.
unexport PYTHONPATH PYTHONHOME
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)$(if $(AMENT_PREFIX_PATH),:$(AMENT_PREFIX_PATH))
endif

# Those that run nodes share one process, the others go to whoever is free.
TEST_JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-fast lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv with the package, ROS 2 and the test tools

# `touch` comes last: an install that was interrupted is done again.
$(STAMP): setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV_OPTIONS) $(VENV)
	sed $(CONSTRAIN) constraints.txt > $(VENV)/constraints.txt
	$(BIN)/python -m pip install --disable-pip-version-check -c $(VENV)/constraints.txt \
		-e '.[$(EXTRAS)]'
	touch $@

demo: $(STAMP) ## watch an arm plan in its imagination (SENSORS=camera; DEMO_ARGS="--help")
	$(BIN)/wm_ros demo $(if $(SENSORS),--sensors $(SENSORS)) $(DEMO_ARGS)

test: $(STAMP) ## run all tests (TEST_JOBS processes)
	$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadgroup $(PYTEST_ARGS)

test-fast: $(STAMP) ## run the tests that are not marked slow
	$(BIN)/python -m pytest -m 'not slow' $(PYTEST_ARGS)

lint: $(STAMP) ## check style: flake8 with ament's plugins, and pep257
	$(BIN)/python -m pytest tests/test_flake8.py tests/test_pep257.py $(PYTEST_ARGS)

clean: ## remove .venv and everything built
	rm -rf $(VENV) build dist install log *.egg-info .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
