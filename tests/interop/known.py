"""The reviewed list of known differences (differences.txt)."""

import re


class Known:
    def __init__(self, path):
        self.entries = []
        try:
            with open(path, encoding="utf-8") as file:
                lines = list(file)
        except FileNotFoundError:
            lines = []
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 2)
            if len(words) < 3:
                raise SystemExit(f"{path}:{number}: expected `scenario-id  field-or-*  reason`")
            self.entries.append({"line": number, "text": line.strip(), "scenario": _glob(words[0]), "field": _glob(words[1]),
                                 "seen": False, "used": False})

    def covers(self, scenario, field):
        """Every matching entry is marked, not just the first: else a broad one would make the others look stale."""
        found = False
        for e in self.entries:
            if e["scenario"].fullmatch(scenario) and e["field"].fullmatch(field):
                e["used"] = found = True
        return found

    def ran(self, scenario):
        for e in self.entries:
            if e["scenario"].fullmatch(scenario):
                e["seen"] = True

    def stale(self):
        """Entries whose scenario ran without showing the difference. A partial run says nothing about the rest."""
        return [e for e in self.entries if e["seen"] and not e["used"]]


def _glob(pattern):
    """Only `*` is special: the brackets of `body:$[0].Node` must stay themselves, which fnmatch would not let them."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
