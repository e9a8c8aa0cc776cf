"""Validate a description in Croissant with mlcroissant, read records by it, and print both as JSON.

It is run by the Python of the tests with the packages of envs/requirements-validators.txt before its own.

    python validate_croissant.py FILE [RECORD_SET ...]
"""

from __future__ import annotations

import json
import sys
from typing import Any

import mlcroissant


def main() -> None:
    """Validate the file that the command line names."""
    file, *record_sets = sys.argv[1:]
    try:
        dataset = mlcroissant.Dataset(jsonld=file)
    except mlcroissant.ValidationError as error:
        print(json.dumps({"errors": [str(error)]}))
        return
    issues = dataset.metadata.ctx.issues
    records = {name: [_plain(record) for record in dataset.records(name)] for name in record_sets}
    print(json.dumps({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": records}))


def _plain(record: dict[str, Any]) -> dict[str, str]:
    """A record with its values as text, by the last part of the names of its fields."""
    values = {name.rpartition("/")[2]: value for name, value in record.items()}
    return {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in values.items()}


if __name__ == "__main__":
    main()
