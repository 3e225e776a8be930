"""Whether a program is being exported: layers then leave out what only pays while they run."""

import torch

# torch before 2.7 has no such function, and `mmcrossformer export` refuses it.
is_exporting = getattr(torch.compiler, 'is_exporting', lambda: False)
