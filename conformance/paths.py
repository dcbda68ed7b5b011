"""Where things lie in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "test" / "golden"
IMAGES = ROOT / "test" / "fixtures" / "images"
WEIGHTS = ROOT / "test" / "fixtures" / "weights"
WORK = ROOT / "conformance" / ".work"
"""Scratch space, ignored by git; emptied case by case."""
CLI = ROOT / "dist" / "src" / "cli" / "cairn.js"
DOCUMENT = ROOT / "docs" / "conformance.md"
CLIENT = ROOT / "clients" / "python" / "src"
"""The Python client; it needs no build."""
