"""Packaging. `mmcrossformer/.mim` links to configs and tools: wheels and editable installs have them."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
version: dict[str, str] = {}
exec((ROOT / 'mmcrossformer/version.py').read_text(), version)

HOST_LIBRARIES = [
    'onedl-mmengine>=0.10.12',
    'onedl-mmcv>=2.3',
    'onedl-mmdetection>=3.5',
    'onedl-mmsegmentation>=1.4',
    'onedl-mmpretrain>=1.3',
    'torchvision>=0.20',
    # Handwriting and photographs of the digits data set.
    'scikit-image>=0.22',
    'scikit-learn>=1.3',
]

# ONNX: torch's exporter, and a runtime to check the exported file.
EXPORT = ['onnx>=1.17', 'onnxruntime>=1.20', 'onnxscript>=0.3']

TENSORBOARD = ['tensorboard>=2.15']

# Models of timm, such as CrossViT.
TIMM = [*HOST_LIBRARIES, 'timm>=1.0']

# The demo page.
DEMO = [*HOST_LIBRARIES, 'gradio>=6.0']

# The documentation site.
DOCS = ['mkdocs-material>=9.6', 'mkdocstrings[python]>=0.28']

setup(
    name='mmcrossformer',
    version=version['__version__'],
    description='CrossFormer, CrossFormer++ and CAT backbones for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    # Not the authors of the papers: they wrote the official code.
    author='The mmcrossformer authors',
    maintainer='The mmcrossformer authors',
    project_urls={
        'CrossFormer': 'https://arxiv.org/abs/2108.00154',
        'CrossFormer++': 'https://arxiv.org/abs/2303.06908',
        'CAT': 'https://arxiv.org/abs/2106.05786',
        'Official program': 'https://github.com/cheerss/CrossFormer',
    },
    keywords='crossformer, crossformer++, cat, backbone, vision transformer, object detection, instance segmentation, '
    'semantic segmentation, image classification, openmmlab, mmdetection, mmsegmentation, mmpretrain, pytorch',
    license_expression='Apache-2.0',
    license_files=['LICENSE'],
    python_requires='>=3.10',
    packages=find_packages(include=['mmcrossformer', 'mmcrossformer.*']),
    py_modules=['mmcv_ext_torchvision', 'mmcrossformer_cli'],
    package_data={
        'mmcrossformer': [
            'py.typed',
            'apis/report/*.html',
            '.mim/model-index.yml',
            '.mim/configs/*.yml',
            '.mim/configs/**/*.py',
            '.mim/tools/*.py',
            '.mim/tools/*.sh',
        ]
    },
    # torch calls this at the end of `import torch`: mmcv works without its compiled operators from the start.
    entry_points={
        'torch.backends': ['mmcv_ext_torchvision = mmcv_ext_torchvision:install'],
        'console_scripts': ['mmcrossformer = mmcrossformer_cli:main'],
    },
    # mmengine comes with the extra, too: two distributions contain its module and overwrite each other.
    install_requires=[
        'torch>=2.7',
        'filelock',
        'jinja2>=3.0',
        'matplotlib>=3.7',
        'numpy',
        'pillow>=9.1',
        'rich>=12',
        'safetensors>=0.4',
    ],
    extras_require={
        'mm': HOST_LIBRARIES,
        'export': EXPORT,
        'tensorboard': TENSORBOARD,
        'timm': TIMM,
        'demo': DEMO,
        'docs': DOCS,
        'dev': [
            *EXPORT,
            *TENSORBOARD,
            *TIMM,
            *DEMO,
            *DOCS,
            'build>=1.2',
            'hypothesis>=6.80',
            'ipykernel>=6.29',
            'mypy>=1.15',
            'nbclient>=0.10',
            'nbformat>=5.10',
            # Drives Chromium in the tests of the demo.
            'playwright>=1.50',
            'pytest>=8.0',
            'pytest-xdist>=3.5',
            'ruff>=0.9',
            'setuptools>=77',
            'types-PyYAML',
            'wheel',
        ],
    },
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3 :: Only',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Topic :: Scientific/Engineering :: Image Recognition',
        'Typing :: Typed',
    ],
)
