"""Writes a report at the end of training.

mmengine imports all hooks to find one, so the dependencies of the report (mmcv, pycocotools, jinja2) are imported when
it is written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.curves import read_curves
from mmcrossformer.utils.run import best_checkpoint

if TYPE_CHECKING:
    from mmcrossformer.apis.report import Report


@HOOKS.register_module()
class ReportHook(Hook):
    """Writes `report.html` into the work directory at the end of training, as a single file.

    It has final and highest metrics, curves, what each class is worth and what errors cost, a confusion matrix, the
    best and worst held-out images, the provenance of the run and how to use the checkpoint. The first process loads the
    checkpoint and predicts on the validation set; the others do not wait. An error is only a warning in the log:
    training is complete. The score thresholds of best F1 go to `score_thresholds.json`.

    Args:
        max_images: Number of held-out images to predict on, evenly spaced in the validation set.
        score_thr: Lowest score of objects that are counted and drawn.
        pictures: Number of best and of worst images to show.
    """

    # After the hook that draws the curves, and all that log.
    priority = 'LOWEST'

    def __init__(self, max_images: int = 500, score_thr: float = 0.3, pictures: int = 4) -> None:
        self.max_images, self.score_thr, self.pictures = max_images, score_thr, pictures

    def after_train(self, runner: Runner) -> None:
        """Evaluates the best checkpoint, or else the last, and writes the report."""
        if not is_main_process():
            return
        path = Path(runner.work_dir) / 'report.html'
        try:
            from mmcrossformer.apis.report import write_page

            write_page(self._report(runner), path)
            runner.logger.info(f'report: {path}')
        except Exception as error:  # no error here may fail a complete run
            runner.logger.warning(f'{path} was not written: {type(error).__name__}: {error}')

    def _report(self, runner: Runner) -> Report:
        from mmcrossformer.apis.report import Report

        folder = Path(runner.work_dir)
        name = Path(runner.cfg.filename).name if runner.cfg.filename else f'{runner.timestamp}.py'
        provenance = folder / 'provenance.json'
        report = Report(
            name=runner.experiment_name,
            config=(folder / name).read_text(),
            config_path=folder / name,
            checkpoint=best_checkpoint(folder) or 'CHECKPOINT',
            curves=read_curves(folder),
            curves_png=folder / 'curves.png',
            starts=json.loads(provenance.read_text()) if provenance.is_file() else [],
            score_thr=self.score_thr,
        )
        try:
            self._evaluate(runner, report)
        except Exception as error:  # the rest of the page is still useful
            report.evaluation, report.missing = None, f'{type(error).__name__}: {error}'
            runner.logger.warning(f'the report has no results on held-out images: {report.missing}')
        return report

    def _evaluate(self, runner: Runner, report: Report) -> None:
        """Predicts with a new model: that of the runner may be split over processes or averaged."""
        from mmcrossformer.apis.predictor import Predictor
        from mmcrossformer.apis.report import evaluate

        checkpoint = best_checkpoint(runner.work_dir)
        if checkpoint is None or runner.val_loop is None:
            report.missing = 'there is no checkpoint' if checkpoint is None else 'the config has no validation'
            return
        on_gpu = next(runner.model.parameters()).is_cuda
        predictor = Predictor(runner.cfg, checkpoint, device=f'cuda:{torch.cuda.current_device()}' if on_gpu else 'cpu')
        dataset = runner.val_loop.dataloader.dataset
        report.evaluation = evaluate(predictor, dataset, self.max_images, self.score_thr, self.pictures)
        if report.evaluation.thresholds is not None:
            report.evaluation.thresholds.write(Path(runner.work_dir), checkpoint)
