"""The report of a cross-validation: the page of a run, on all labeled images, with a table of the folds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

from mmssod.analysis.report.facts import run_facts, shorten
from mmssod.analysis.report.gallery import embed, link_files
from mmssod.analysis.report.numbers import rare_classes, score
from mmssod.analysis.report.page import Page, render
from mmssod.analysis.report.runs import read_run_folder
from mmssod.analysis.report.samples import difference_items
from mmssod.analysis.report.why import why
from mmssod.environment import collect
from mmssod.environment.whole_files import write_whole
from mmssod.own_data.run.fold_facts import fold_folders
from mmssod.own_data.run.folds import Folds, fold_rows, result_json

PAIR = ('supervised', 'student')


def write_fold_report(
    folder: Path,
    folds: Folds,
    out: Path,
    command: str = '',
    pictures: int = 24,
    most_bytes: int = 5_000_000,
) -> Page:
    """Write the page, and its figures beside it as json of the same name.

    Args:
        folder: Project folder.
        folds: What was judged.
        out: The ``.html`` file; its folder is made.
        command: How the page was made, to be printed in it.
        pictures: Most pictures.
        most_bytes: Most size of all of them.
    """
    outputs = folds.outputs
    classes, truth = outputs.classes, outputs.annotations
    rare, boxes = rare_classes(truth, classes)
    first = fold_folders(folder, len(folds.parts))[0]
    records = {name: read_run_folder(first / 'work_dirs' / name) for name in outputs.found}
    pair = replace(outputs, found={name: outputs.found[name] for name in PAIR})
    page = Page(
        title=f'{folder.resolve().name}: {len(folds.parts)} folds',
        runs=(),
        facts={
            name: {
                'fold': f'1 of {len(folds.parts)}, the others differ in their images',
                **run_facts(record),
            }
            for name, record in records.items()
        },
        classes=classes,
        scores=[score(outputs, label, rare) for label in outputs.found],
        test=f'{len(truth["images"])} labeled images, each judged by detectors that were not trained on it',
        verdict=folds.verdict,
        judged=PAIR,
        folds=fold_rows(folds),
        why=[why(outputs, label) for label in PAIR],
        rare=rare,
        labeled_boxes=boxes,
        difference_gallery=embed(list(difference_items(pair))[:pictures], most_bytes),
        measured={'command': shorten(command), 'date': date.today().isoformat(), **collect()},
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    link_files(page.difference_gallery, out.parent)
    write_whole(out, render(page).encode(errors='backslashreplace'))
    write_whole(out.with_suffix('.json'), json.dumps(result_json(folds), indent=2).encode())
    return page
