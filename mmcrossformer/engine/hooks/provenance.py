"""Records how a checkpoint was trained."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcrossformer.config.walk import data_paths, datasets_of
from mmcrossformer.registry import HOOKS
from mmcrossformer.utils.files import write_json
from mmcrossformer.utils.machine import command_line, hardware, revision, versions


@HOOKS.register_module()
class ProvenanceHook(Hook):
    """Records how training was run: command, versions, hardware, seed, data and git revision.

    Each start adds an entry to `provenance.json` in the work directory; checkpoints contain the last one as
    `meta['provenance']`.
    """

    def __init__(self) -> None:
        self._entry: dict[str, Any] = {}

    def before_train(self, runner: Runner) -> None:
        """Collects and writes the entry of this start."""
        if not is_main_process():
            return
        self._entry = dict(
            command=command_line(),
            folder=str(Path.cwd()),
            iteration=runner.iter,
            seed=runner.seed,
            processes=get_world_size(),
            threads=torch.get_num_threads(),
            data=data_digest(runner.cfg),
            revision=revision(),
            versions=versions(),
            hardware=hardware('cuda' if torch.cuda.is_available() else 'cpu'),
        )
        path = Path(runner.work_dir) / 'provenance.json'
        entries = json.loads(path.read_text()) if path.is_file() else []
        write_json(path, [*entries, self._entry])

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Adds the entry of this start to the checkpoint."""
        checkpoint['meta']['provenance'] = self._entry


def data_digest(cfg: Config) -> str:
    """Hashes the training data of a config: the bytes of annotation files, names and sizes of files in folders.

    Returns:
        SHA-256, which does not depend on the path of the data.
    """
    digest = hashlib.sha256()
    for dataset in datasets_of(cfg.get('train_dataloader')):
        paths = list(data_paths(dataset))
        inside = paths[1:] if dataset.get('data_root') else paths
        for path in inside or paths:
            if path.is_file():
                digest.update(path.read_bytes())
                continue
            for file in sorted(file for file in path.rglob('*') if file.is_file()):
                digest.update(f'{file.relative_to(path).as_posix()} {file.stat().st_size}\n'.encode())
    return digest.hexdigest()
