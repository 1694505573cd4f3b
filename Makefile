# 从零到 AIGC。make help 列出命令。
#
# Needs only make, a POSIX shell and Python >= 3.11; works with GNU make 3.81 (macOS) on.
# Paths are relative on purpose: the folder may have spaces and Chinese characters in its name.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
JOBS ?= logical
PY := $(VENV)/bin/python
STAMP := $(VENV)/installed

# A file of tests, or a notebook, stays with one process: fixtures are made once, cells in order.
SPREAD := -n $(JOBS) --dist loadfile

# Every stored output is compared with a new run; see aigc_course/authoring/nbval_plus.py.
NBVAL := --nbval -p aigc_course.authoring.nbval_plus \
	--nbval-sanitize-with=tests/notebooks/sanitize.cfg --nbval-cell-timeout=120

# A virtual environment whose interpreter is gone, or that was moved with its folder, is done anew;
# so is one of another version than the PYTHON that was asked for by name.
READY := $(shell $(PY) -c 'import os, sys; sys.exit(open("$(STAMP)", "rb").read() != os.fsencode(sys.prefix))' 2>/dev/null && echo yes)
ifneq ($(origin PYTHON),file)
VERSION := import sys; print(sys.version_info[:2])
OTHER := $(shell test -x $(PY) && test "$$("$(PYTHON)" -c '$(VERSION)' 2>/dev/null)" != "$$($(PY) -c '$(VERSION)' 2>/dev/null)" && echo yes)
READY := $(if $(OTHER),,$(READY))
endif

.DEFAULT_GOAL := help
.PHONY: help lab install test quick lint notebooks mutations bench lock clean-venv force

help:  ## 列出命令
	@echo "make lab        备好环境和学习文件夹，打开 JupyterLab（参数：ARGS=\"--no-browser --port 8899\"）"
	@echo "make test       全部检查：ruff、mypy、单元测试、文档示例、所有笔记本"
	@echo "make quick      几分钟内的检查：不跑笔记本和慢的测试"
	@echo "make notebooks  执行、规范化并核对源笔记本（参数：ARGS=\"03 05\"）"
	@echo "make mutations  弄坏一处，看测试抓不抓得到"
	@echo "make bench      与同类比速度"
	@echo "make lint       只跑 ruff 和 mypy"
	@echo "make lock       重新生成 requirements.lock"
	@echo "make install    只备好环境"
	@echo "用别的 Python：make lab PYTHON=python3.12；同时跑几个测试进程：make test JOBS=4"

lab: $(STAMP)  ## 备好一切，打开 JupyterLab
	@$(PY) -m aigc_course lab $(ARGS)

install: $(STAMP)

test: lint $(STAMP)
	$(PY) -m pytest $(SPREAD) $(ARGS)
	AIGC_THREADS=1 $(PY) -m pytest $(SPREAD) $(NBVAL) notebooks

mutations: $(STAMP)
	$(PY) tests/mutations.py $(ARGS)

quick: lint $(STAMP)
	$(PY) -m pytest $(SPREAD) -m "not slow" --ignore=tests/notebooks $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy aigc_course

notebooks: $(STAMP)
	$(PY) -m aigc_course notebooks $(ARGS)

bench: $(STAMP)
	@for file in benchmarks/*.py; do echo "== $$file"; $(PY) "$$file" $(ARGS) || exit 1; done

# What is locked stays as it is unless a new need moves it; ARGS=--upgrade takes the newest of all.
# uv resolves for all systems at once; torch names its own CUDA packages, so those lines go.
lock:
	@set -e; tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	"$(PYTHON)" -m venv "$$tmp/venv"; \
	"$$tmp/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv; \
	echo "torch==2.13.0" > "$$tmp/constraints"; \
	cp requirements.lock "$$tmp/resolved"; \
	"$$tmp/venv/bin/uv" pip compile pyproject.toml --quiet --all-extras --universal \
	  --python-version 3.11 --fork-strategy fewest --constraint "$$tmp/constraints" \
	  --no-annotate --no-header --output-file "$$tmp/resolved" $(ARGS); \
	{ echo "# Exact versions of everything the course needs, for Python 3.11+ on Linux, macOS and Windows."; \
	  echo "# Made by: make lock   (see CONTRIBUTING.md). torch brings its own CUDA packages where there are any."; \
	  grep -vE '^(nvidia-|cuda-|triton)' "$$tmp/resolved"; } > "$$tmp/lock"; \
	cp "$$tmp/lock" requirements.lock
	@echo "已更新 requirements.lock；请跑 make test 再提交"

clean-venv:
	rm -rf "$(VENV)"

# The stamp holds the environment's own path; it is written last, so a broken-off installation is
# taken up again.
$(STAMP): requirements.lock pyproject.toml $(if $(READY),,force)
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
	  echo "✗ 找不到 $(PYTHON) → 先装 Python 3.11 以上，或指明：make lab PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "✗ $(PYTHON) 是 $$("$(PYTHON)" -V 2>&1)，课程要 3.11 以上 → 装一个新的，再 make lab PYTHON=python3.12" >&2; exit 1; }
	@quiet=--quiet; \
	$(if $(OTHER),echo "$(VENV) 是别的版本的 Python，重建"; rm -rf "$(VENV)"; )\
	$(PY) -m pip --version >/dev/null 2>&1 || { quiet=; \
	  echo "建立虚拟环境 $(VENV)，安装 requirements.lock：要下载几百 MB 到几 GB，几分钟到半小时 …"; \
	  rm -rf "$(VENV)"; "$(PYTHON)" -m venv "$(VENV)" || { rm -rf "$(VENV)"; \
	  echo "✗ 建不了虚拟环境 → Debian/Ubuntu：apt install python3-venv；再看磁盘有没有满" >&2; exit 1; }; }; \
	$(PY) -m pip install $$quiet --disable-pip-version-check -r requirements.lock && \
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . || { \
	  echo "✗ 安装没有完成，原因在上面 → 检查网络和磁盘后再来一次，会接着装；见 docs/troubleshooting.md" >&2; exit 1; }
	@$(PY) -c 'import os, sys; open("$(STAMP)", "wb").write(os.fsencode(sys.prefix))'

force:
