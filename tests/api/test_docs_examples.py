# The code of README.md and docs/ runs and prints what the page says; importing stays quick.
from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# A fenced block of Python and, where the page shows what it prints, the indented block after it.
BLOCK = re.compile(r"^```python\n(.*?)^```\n\n?((?: {4}[^\n]*\n|\n)*)", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"^print\(.*\)\s+# (.*)$", re.MULTILINE)


def _blocks(page: Path) -> list[tuple[str, str]]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(code, textwrap.dedent(shown).strip()) for code, shown in found]


PAGES = [
    str(page.relative_to(ROOT))
    for page in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if "```python" in page.read_text(encoding="utf-8")
]


def test_readme_has_an_example():
    assert "README.md" in PAGES


@pytest.mark.parametrize("page", PAGES)
def test_code_of_the_page_runs_and_prints_what_it_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = _blocks(ROOT / page)
    assert len(blocks) == text.count("```python"), "a block is not closed, or not at the line's start"
    names = {"__name__": "__main__"}  # later blocks of a page go on where earlier ones ended
    for code, shown in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert shown in printed.getvalue()
        for expected in EXPECTED.findall(code):
            assert expected in printed.getvalue().splitlines()


IMPORT = """
import sys, time
start = time.process_time()
import torchy
print(time.process_time() - start, *(name for name in ("numpy", "torch", "rich") if name in sys.modules))
"""


@pytest.mark.resource
def test_import_is_quick_and_pulls_in_no_big_package():
    runs = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, timeout=60, check=True)
        seconds, *loaded = done.stdout.split()
        assert loaded == []
        runs.append(float(seconds))
    # The process's own time: what else runs on the machine does not count.
    assert min(runs) < 0.05, runs
