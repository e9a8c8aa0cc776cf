"""The description of corpora and tables in Croissant 1.1, with its fields for responsible AI (RAI 1.0).

Files and digests are those of the archive, and columns those of the data dictionary. It is plain JSON-LD.
Sources: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html, and croissant-rai-spec.html beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import capacity
from capacity.archive.contents import AUTHORS, LICENSE, Contents
from capacity.dictionary import page
from capacity.dictionary.column import FLAG, INTEGER, NUMBER, TEXT, Column
from capacity.storage import parquet

FILE = "croissant.json"
PARQUET = "application/x-parquet"
DATA_TYPES = {INTEGER: "sc:Integer", NUMBER: "sc:Float", FLAG: "sc:Boolean", TEXT: "sc:Text"}
CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that every file in Croissant 1.1 has."""
CITATION = (
    "@misc{barron2025toobig, title={Too Big to Think: Capacity, Memorization, and Generalization in Pre-Trained "
    "Transformers}, author={Barron, Joshua and White, Devin}, year={2025}, eprint={2506.09099}, archivePrefix={arXiv}, "
    "url={https://arxiv.org/abs/2506.09099}}"
)
RESPONSIBLE_AI = {
    "rai:dataCollection": (
        "Corpora are written by a program: sums and differences of two operands, and the capitals in a list. Tables "
        "are measured on networks that were trained on these corpora."
    ),
    "rai:dataCollectionType": ["Software Collection", "Experiments"],
    "rai:dataCollectionRawData": (
        "The weights, the histories of training and the single answers of every network, in results/cells."
    ),
    "rai:dataCollectionMissingData": (
        "A value is empty where a task has no such question, where a cell has too few runs for an interval, and where "
        "a run diverged. No run was left out."
    ),
    "rai:dataImputationProtocol": "Nothing is imputed.",
    "rai:dataPreprocessingProtocol": [
        "The lines of a corpus are shuffled once, by the seed that the name of the corpus or the configuration has.",
        "Held-out expressions are those of the configuration, chosen before training; they choose nothing else.",
    ],
    "rai:dataAnnotationProtocol": [
        "None: the right answer of an expression is computed, and that of a fact is in the list. Whether a network "
        "answers right is decided by a rule for each task, in code/src/capacity/tasks."
    ],
    "rai:dataUseCases": [
        "To check and to continue studies of memorization and generalization in small Transformers.",
        "Not to teach a program arithmetic or geography, and not as a benchmark of language models.",
    ],
    "rai:dataLimitations": [
        "Operands of corpora are single digits, unless the name of the corpus has a largest_operand, which is 99 at "
        "most; and capitals are fifty at most, as one list names them.",
        "Held-out expressions are few, four for each pair of two operands, so that shares of them are coarse numbers.",
        "Intervals are over the seeds of runs, and over nothing else that could have been chosen otherwise.",
    ],
    "rai:dataBiases": [
        "The list of capitals is a choice of its authors, in English, and has one capital for each of its countries.",
        "Cells that the budget of a run leaves out, above all of large networks, are missing in the tables.",
    ],
    "rai:personalSensitiveInformation": ["None: digits, and names of countries and capitals."],
    "rai:dataSocialImpact": "None is known. The networks say nothing beyond the characters of their corpora.",
    "rai:dataReleaseMaintenancePlan": (
        "The archive does not change. Another run of the workflow makes another archive, and manifest.sha256 tells "
        "them apart."
    ),
}
"""What the extension for responsible AI asks. It is the same for every budget."""


def croissant(contents: Contents, sums: Mapping[str, str], published: float) -> bytes:
    """Return the description, as JSON-LD.

    Args:
        contents: what is archived.
        sums: the SHA-256 of the files of the archive, by their paths in it.
        published: when the newest of the results was made, in seconds since 1970.

    Raises InputError naming a table that cannot be read.
    """
    tables = list(_tables(contents))
    value = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "name": f"too-big-to-think-{contents.budget}",
        "description": (
            f"Corpora and tables of the budget {contents.budget} of the workflow Too Big to Think, reproduced: small "
            "Transformers that learn arithmetic with some expressions held out, capitals, or both. "
            f"Studies: {', '.join(contents.studies)}."
        ),
        "license": LICENSE,
        "version": capacity.__version__,
        "datePublished": datetime.fromtimestamp(published, UTC).date().isoformat(),
        "creator": {"@type": "Organization", "name": AUTHORS},
        "citeAs": CITATION,
        "keywords": ["generalization", "memorization", "capacity", "Transformers", "arithmetic"],
        **RESPONSIBLE_AI,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": path,
                "name": path,
                "description": f"{table.name}: {table.row}",
                "contentUrl": path,
                "encodingFormat": PARQUET,
                "sha256": sums[path],
            }
            for path, table in tables
        ],
        "recordSet": [_record_set(contents, path, table) for path, table in tables],
    }
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _tables(contents: Contents) -> Iterator[tuple[str, page.Table]]:
    """Yield the path of each corpus, of each table of a study, and of those on all studies, with what it holds.

    Tables of one task of a study have rows of that of the study, and are left out.
    """
    by_place = {PurePosixPath(table.path).relative_to("results").as_posix(): table for table in page.TABLES}
    for place, table in by_place.items():
        names = contents.studies if "{study}" in place else [""]
        for path in [f"results/{place.replace('{study}', name)}" for name in names]:
            if "{corpus}" in path:
                yield from ((each, table) for each in sorted(contents.files) if each.startswith("results/corpora/"))
            elif path in contents.files:
                yield path, table


def _record_set(contents: Contents, path: str, table: page.Table) -> dict[str, Any]:
    """Return the columns of a table in the order of its file, which lacks optional ones that no task of it has."""
    identifier = path.removeprefix("results/").removesuffix(".parquet")
    by_name = {column.name: column for column in table.columns}
    columns = [by_name[name] for name in parquet.read_schema(contents.files[path]).names]
    return {
        "@type": "cr:RecordSet",
        "@id": identifier,
        "name": identifier,
        "description": table.row,
        "field": [_field(identifier, path, column) for column in columns],
    }


def _field(identifier: str, path: str, column: Column) -> dict[str, Any]:
    unit = f" In {column.unit}." if column.unit else ""
    return {
        "@type": "cr:Field",
        "@id": f"{identifier}/{column.name}",
        "name": column.name,
        "description": f"{column.meaning}{unit}",
        "dataType": DATA_TYPES[column.kind],
        "source": {"fileObject": {"@id": path}, "extract": {"column": column.name}},
    }
