"""Reading and writing checkpoints, and the names of the official ones."""

from mmcrossformer.checkpoint.files import read_checkpoint, weights_of, write_checkpoint
from mmcrossformer.checkpoint.model import official_model_names, own_model_names
from mmcrossformer.checkpoint.names import backbone_weights, check_own_names, convert_official, is_official, to_official
from mmcrossformer.checkpoint.pretrained import pretrained_path, pretrained_weights
from mmcrossformer.checkpoint.stem import fit_stem

__all__ = [
    'backbone_weights',
    'check_own_names',
    'convert_official',
    'fit_stem',
    'is_official',
    'official_model_names',
    'own_model_names',
    'pretrained_path',
    'pretrained_weights',
    'read_checkpoint',
    'to_official',
    'weights_of',
    'write_checkpoint',
]
