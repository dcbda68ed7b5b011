"""Counts checks, prints one line for each, and keeps what the report's tables need."""

import traceback
from contextlib import contextmanager

ERROR_BAR = 1e-5
"""A level passes when its largest difference is at most this times the largest value (of the reference)."""

PROBABILITY_BAR = 1e-4
"""Largest allowed difference of a class's probability."""


class Results:
    def __init__(self, only=None):
        self.passed = 0
        self.failed = 0
        self.rows = []
        """One dict a table row: {"table": name, column: cell, ...}."""
        self._only = only

    def wants(self, case):
        """Whether `case` is to run: its name contains the text of `--only`."""
        return self._only is None or self._only in case

    def check(self, name, good, detail=""):
        """Counts and prints one check; returns whether it passed."""
        self.passed += bool(good)
        self.failed += not good
        print(f"{'pass' if good else 'FAIL'}  {name}  {detail}".rstrip(), flush=True)
        return bool(good)

    @contextmanager
    def case(self, name):
        """Runs a case; an exception in it is one failed check, and the next case still runs."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure of this case only
            traceback.print_exc()
            self.check(name, False, f"{type(error).__name__}: {error}")

    def add_row(self, table, **cells):
        self.rows.append({"table": table, **cells})

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed"
