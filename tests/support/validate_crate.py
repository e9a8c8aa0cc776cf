"""Validate an unpacked crate with roc-validator and without a network, and print what is wrong as JSON.

It is run by the Python of the environment that has roc-validator (envs/requirements-validators.txt), so it imports
nothing of the tests. The validator asks the network for the context of RO-Crate 1.1; here it gets the copy that the
library rocrate has.

    python validate_crate.py CRATE CONTEXT
"""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import requests
from rocrate_validator import services
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.utils.http import HttpRequester

CONTEXT = "https://w3id.org/ro/crate/1.1/context"


def main() -> None:
    """Validate the crate that the command line names."""
    crate, context = sys.argv[1:]

    def get(url: str, **options: Any) -> requests.Response:
        if url != CONTEXT:
            raise requests.ConnectionError(f"{url} is not at hand")
        response = requests.Response()
        response.status_code = 200
        response.url = url
        response.headers["Content-Type"] = "application/ld+json"
        response.raw = io.BytesIO(Path(context).read_bytes())
        return response

    HttpRequester.get = staticmethod(get)
    settings = ValidationSettings(
        rocrate_uri=crate,
        profile_identifier="provenance-run-crate",
        requirement_severity=Severity.RECOMMENDED,
        skip_availability_check=True,
    )
    result = services.validate(settings)
    issues = sorted((issue.severity.name, issue.check.identifier, str(issue.message)) for issue in result.get_issues())
    print(json.dumps({"checks": len(result.executed_checks), "issues": issues}))


if __name__ == "__main__":
    main()
