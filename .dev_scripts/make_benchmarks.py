"""Writes docs/benchmarks.md and its plots from docs/benchmarks/*.json.

python .dev_scripts/make_benchmarks.py                      # from existing measurements
python .dev_scripts/make_benchmarks.py --measure            # first measures all sections that this machine can run
python .dev_scripts/make_benchmarks.py --measure inference  # first measures this section
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import torch

from mmcrossformer.commands.benchmark.plot import plot
from mmcrossformer.commands.benchmark.report import Report
from mmcrossformer.commands.benchmark.tables import TextTable, make_tables

ROOT = Path(__file__).parent.parent
DATA = ROOT / 'docs' / 'benchmarks'
HEAD = """# Speed and memory

<!-- Written by .dev_scripts/make_benchmarks.py from docs/benchmarks/*.json: measure again with --measure. -->

Everything on this page was measured here, by `mmcrossformer benchmark`; nothing is published by others. These are
figures of backbones alone, with random weights, on the hardware that each section names. The order may differ on other
hardware.

- CrossFormers have the settings of dense tasks: G = 7, 7, 7, 7 and I = 8, 4, 2, 1, long distance attention over the
  whole map, as in most published detectors and segmenters. `g14`: G = 14, 14, 7, 7 and I = 16, 8, 2, 1. `block`: long
  distance attention in blocks of G * I x G * I tokens.
- The other backbones are those of host libraries in `configs/_base_/backbones`. The rate of stochastic depth is 0.2 in
  training for all backbones that have it.
- All models of a table are timed in one process, in turn, one repetition each. `ms` is the median for an image;
  `quartiles` are those of the repetitions. A training step is forward and backward of the sum of the outputs' means,
  without an optimizer. Ratios are to the baseline of the section.
- MACs are multiply-adds of the forward pass, attention and padding included, counted by torch's flop counter; also
  where training is timed, because its counts of backward passes are wrong for depthwise convolutions.
- Plain matrix products of 1024 x 1024 are timed in turn with the models. `of products` is a model's rate of
  multiply-adds divided by that of the products; a training step has three times the multiply-adds of the forward pass.
- `peak MB` is the peak memory of torch's allocator during a step (activations, temporary tensors, gradients) beyond
  weights and images, which were allocated before. Scratch memory of libraries below torch is not included.
- Where images grow, `MP` is a megapixel and ratios are to the first size: 1 means growth in proportion to the pixels.
- bf16 and fp16 use autocast. A model that cannot run a size is named below its table, with the error.
"""
_MARK = '<!-- not run: takes minutes to hours -->'
_CPU = '--device cpu'
_CUDA = '--device cuda --threads 1 --repeats 30 --warmup 5'
# What is measured: the name of the file, the heading, and the arguments of the command.
STANDARD = {
    'inference': ('Inference', f'{_CPU} --repeats 5 --warmup 1'),
    'training': ('Training', f'{_CPU} --mode training --shapes 224x224 512x512 --repeats 5 --warmup 1'),
    'variants': (
        'Variants of CrossFormer',
        f'{_CPU} --models crossformer_t crossformer_s crossformer_s_g14 crossformer_s_block crossformer_b '
        'crossformer_l crossformerpp_s crossformerpp_b crossformerpp_l crossformerpp_h --baseline crossformer_s '
        '--shapes 224x224 800x1280',
    ),
    'bf16': (
        'Mixed precision',
        f'{_CPU} --models crossformer_s swin_t --dtype fp32 bf16 --shapes 800x1280 --repeats 3 --warmup 1',
    ),
    'compiled': ('Compiled', f'{_CPU} --models crossformer_s swin_t --compile --shapes 512x512 800x1280 --repeats 5'),
    'growth_square': (
        'Squares that grow',
        f'{_CPU} --models crossformer_s crossformer_s_block swin_t --growth square --repeats 3 --warmup 1',
    ),
    'growth_elongated': (
        'Bands that grow',
        f'{_CPU} --models crossformer_s crossformer_s_block swin_t --growth elongated --repeats 3 --warmup 1',
    ),
    'cuda_inference': ('Inference on a GPU', f'{_CUDA} --dtype fp32 bf16 fp16 --batch-size 8'),
    'cuda_training': ('Training on a GPU', f'{_CUDA} --dtype fp32 bf16 fp16 --mode training --batch-size 2'),
    'cuda_growth': (
        'Squares that grow on a GPU',
        f'{_CUDA} --models crossformer_s crossformer_s_block swin_t --growth square',
    ),
}


# Remarks that the figures do not show.
_IN_BLOCKS = """Measured with long distance attention in blocks alone, on another processor than the sections above. In
scope `map`: not measured."""
NOTES = {
    'training': """CrossFormer-S takes 1.07 of Swin-T's time per multiply-add at 512 x 512. According to torch's
profiler, the backward pass of its attention is 18 % of a step and runs at about 25 GMAC/s, a third of the rate of
matrix products: its groups have 49 and 256 tokens, heads have 32 channels, and the gradient of the bias needs the
gradient of every logit, which torch's fused attention does not return. The linear layers are half of a step and run at
69 GMAC/s.""",
    'bf16': """The gain of bf16 depends on the processor. This one has no instructions for bf16: torch multiplies
matrices at 0.5 GMAC/s in bf16, and at 72 in fp32. Processors that multiply faster in bf16 were not measured.""",
    'growth_square': """The time of scope `map` grows with the square of the pixels in its long distance attention, that
of `block` with the pixels. 2816 x 2816 was not measured. A training step of CrossFormer-S in scope `map` on one image
of 1600 x 2560 pixels (forward and backward, fp32) took 8.0 GB of memory in all, and 162 s with other work on the
processors.""",
    'variants': _IN_BLOCKS,
    'compiled': f"""{_IN_BLOCKS}

At that revision compiled code ran large maps strip by strip, as the model itself does. Since then it runs them whole,
which is slower on processors: not measured in this table.""",
    'growth_elongated': _IN_BLOCKS,
}


def main() -> None:
    """Measures the requested sections, then writes page and plots."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        '--measure', nargs='*', choices=STANDARD, help='sections to measure first (without a name: all)'
    )
    args = parser.parse_args()
    if args.measure is not None:
        for name in args.measure or [name for name in STANDARD if can_run(name)]:
            code = subprocess.run(
                [sys.executable, '-m', 'mmcrossformer_cli', *command(name)[1:]], cwd=ROOT, check=False
            ).returncode
            if code:
                sys.exit(code)  # its message is above
    reports = load()
    for name, report in reports.items():
        plot(report, picture(name))
    (ROOT / 'docs' / 'benchmarks.md').write_text(page(reports))


def can_run(name: str) -> bool:
    """Returns whether this machine has the device of a section."""
    return torch.cuda.is_available() or not name.startswith('cuda')


def command(name: str) -> list[str]:
    """Returns the command that measures a section."""
    return ['mmcrossformer', 'benchmark', *shlex.split(STANDARD[name][1]), '--out', f'docs/benchmarks/{name}.json']


def picture(name: str) -> Path:
    """Returns the path of the plot of a section."""
    return ROOT / 'docs' / 'images' / f'benchmark_{name}.png'


def load() -> dict[str, Report]:
    """Reads the stored reports by name."""
    return {path.stem: Report.load(path) for path in sorted(DATA.glob('*.json'))}


def page(reports: dict[str, Report]) -> str:
    """Returns the page for some reports; sections of the standard set come first, measured or not."""
    return HEAD + ''.join(
        section(name, reports.get(name)) for name in [*STANDARD, *sorted(set(reports) - set(STANDARD))]
    )


def section(name: str, report: Report | None) -> str:
    """Returns one section."""
    title = STANDARD[name][0] if name in STANDARD else name
    if report is None:
        return f'\n## {title}\n\nNot measured. The command is:\n\n{_MARK}\n```sh\n{shlex.join(command(name))}\n```\n'
    origin = '; '.join(report.origin())
    parts = [
        f'## {title}',
        f'{_MARK}\n```sh\n{report.command}\n```',
        f'Measured on {origin}. Baseline: {report.baseline}.',
    ]
    if name in NOTES:
        parts.append(NOTES[name])
    parts.append(f'![{title}](images/{picture(name).name})')
    return '\n' + '\n\n'.join([*parts, *map(markdown, make_tables(report))]) + '\n'


def markdown(table: TextTable) -> str:
    """Returns a table as Markdown."""
    rows = [table.head, ['---', *['---:'] * (len(table.head) - 1)], *table.rows]
    lines = '\n'.join(f'| {" | ".join(cells)} |' for cells in rows)
    errors = ''.join(f'\n- `{error.replace("`", "")}`' for error in table.errors)
    return f'### {table.title}\n\n{lines}' + (f'\n\nNot run:\n{errors}' if errors else '')


if __name__ == '__main__':
    main()
