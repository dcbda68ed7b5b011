import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT


def test_the_first_program_of_the_readme_runs(server):
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", text, re.S)[1].replace("http://127.0.0.1:8080", server)
    # Fewer layers than those of the default model: the tests share two cores.
    program = program.replace("size=256)", "size=256, model='mask-rcnn-resnet18')")
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    first, *others = run.stdout.splitlines()
    assert first == "{'C3': (32, 32, 128), 'C5': (8, 8, 512)}"
    assert "astronaut.jpg (8, 8, 512)" in others
    assert any("[image-unsupported]" in line for line in others)
