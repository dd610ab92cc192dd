"""A project for programs and notebooks: ``mmssod new``, ``run``, ``next``, ``add`` and ``errors`` as methods."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmssod.engine.progress import print_now
from mmssod.engine.terminal import short_terminal
from mmssod.own_data import fold_report
from mmssod.own_data.new import new_project
from mmssod.own_data.new.sets import Source
from mmssod.own_data.reporting import report, told
from mmssod.own_data.run import folds as cross_validation
from mmssod.own_data.run import running, trial
from mmssod.own_data.run.fold_facts import folds_folder

if TYPE_CHECKING:
    from mmssod.own_data.detector import Detector
    from mmssod.own_data.loop.adding import Added
    from mmssod.own_data.loop.label_errors import LabelErrors
    from mmssod.own_data.loop.next_images import NextImages


@dataclass(frozen=True)
class Result:
    """Result of a project's training.

    Args:
        verdict: Whether the unlabeled images helped, in a sentence; '' where nothing judges that.
        page: The report.
        evaluated: Whether there was anything to evaluate on.
    """

    verdict: str
    page: Path
    evaluated: bool = True


@dataclass(frozen=True)
class Project:
    """A folder that ``mmssod new`` has written.

    For example::

        project = mmssod.new('labels.json', unlabeled='photos', out='own')
        print(project.run().verdict)
        found = project.detector().predict('photo.jpg')

    Args:
        folder: Where it lies.
    """

    folder: Path

    def run(
        self,
        *,
        folds: int | None = None,
        out: str | None = None,
        command: str = '',
        say: Callable[[str], None] = print_now,
        **options: Any,
    ) -> Result:
        """Train what is not complete, evaluate, write the report; a call that was cut off goes on with the same call.

        Args:
            folds: Number of folds of the labeled images for cross-validation, >= 2: each is held out once.
            out: The ``.html`` file of the report; by default in the project's folder, or that of its folds.
            command: How it was called, to be printed in the report of folds.
            say: Gets the lines on what is done and what came of it.
            options: ``seed``, ``amp``, ``cfg_options``, ``trust_checkpoint`` of all trainings, see
                :func:`mmssod.apis.train`.

        Raises:
            ValueError: Everything that is found wrong before training, together.
            SystemExit: Told to end: the checkpoint was saved.
        """
        with short_terminal():
            folder = trial.choose(self.folder, **options)
            if folds:
                judged = cross_validation.run_folds(folder, folds, **options)
            else:
                trainings = running.train_project(folder, **options)
        if folds:
            page = Path(out) if out else folds_folder(folder, folds) / 'report.html'
            fold_report.write_fold_report(folder, judged, page, command)
            verdict = judged.verdict.sentence
            say('\n'.join([*cross_validation.fold_summary(folder, judged), str(page), verdict]))
            return Result(verdict, page)
        page = Path(out) if out else self.folder / 'report.html'
        known = running.noted_verdict(folder, trainings, page)
        say('\n'.join(running.summary(folder, trainings)))
        if known is not None:
            say(f'finished before, nothing was left to do; the report: {page}\n{known}')
            return Result(known, page)
        runs = running.report_runs(trainings)
        words = shlex.join(['mmssod', 'report', *runs, '--out', str(page)])
        say(words)
        with short_terminal():
            made = report(runs, str(page), command=words)
        say('\n'.join(told(made, str(page))))
        verdict = made.verdict.sentence if made.verdict else ''
        if not made.scores:
            say(made.test)
        else:
            running.note_report(folder, trainings, verdict)
        return Result(verdict, page, bool(made.scores))

    def next(self, count: int = 30, **options: Any) -> NextImages:
        """The unlabeled images to label next, with labels to correct; options as of :func:`.next_images`."""
        from mmssod.own_data.loop.next_images import next_images

        return next_images(self.folder, count, **options)

    def add(self, labels: str | Path, **options: Any) -> Added:
        """Take corrected labels back; the next :meth:`run` goes on from the last student. See :func:`.add_labels`."""
        from mmssod.own_data.loop.adding import add_labels

        return add_labels(self.folder, str(labels), **options)

    def errors(self, count: int = 50, **options: Any) -> LabelErrors:
        """Labels that look wrong, the most suspicious first; options as of :func:`.label_errors`."""
        from mmssod.own_data.loop.label_errors import label_errors

        return label_errors(self.folder, count, **options)

    def detector(self, **options: Any) -> Detector:
        """The student with its best checkpoint and thresholds, see :class:`mmssod.Detector`."""
        from mmssod.own_data.detector import Detector

        return Detector(self.folder, **options)


def new(
    labeled: str,
    unlabeled: str,
    *,
    out: str = 'own',
    images: str = '',
    val: str = '',
    val_images: str = '',
    say: Callable[[str], None] = print_now,
    **options: Any,
) -> Project:
    """Check labeled and unlabeled images and write a project that fits them and this machine.

    Args:
        labeled: Labels: a COCO json, a folder of VOC xml or YOLO txt, or a ``data.yaml``.
        unlabeled: Images: a folder, a glob, a text list or a COCO json.
        out: The project's folder.
        images: Folder of the labeled images, by default beside the labels.
        val: Labels to evaluate on; by default a share of the labeled images is set aside.
        val_images: Folder of their images.
        say: Gets the report on data, plan and files.
        options: See :func:`mmssod.own_data.new.new_project`.

    Raises:
        ValueError: Everything that is wrong with the data, together.
        FileNotFoundError: A source that is not there.
    """
    judged = Source(val, val_images) if val else None
    say(new_project(Source(labeled, images), unlabeled, out, val=judged, **options))
    return Project(Path(out))
