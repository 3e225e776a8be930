"""Takes from the libraries work that no test looks at and that takes longer than what the tests run.

Imported by the test processes and by those that commands are forked from. Fresh interpreters do without: there,
everything is as a user has it.
"""

import functools
import importlib.metadata

from yapf.yapflib import yapf_api

import mmcv_ext_torchvision

# mmengine formats the text of the config five times in a training. Unformatted, it is the same config.
yapf_api.FormatCode = lambda text, **_: (text, False)

# From torch 2.5 on, `import torch` has done this. Before, what imports a host library first would have to import this
# package before.
mmcv_ext_torchvision.install()

# Looks through all that is installed.
importlib.metadata.packages_distributions = functools.cache(importlib.metadata.packages_distributions)
importlib.metadata.packages_distributions()
