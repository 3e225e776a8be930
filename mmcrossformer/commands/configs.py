"""Lists the configs that come with the package: task, data and the published result."""

import argparse
from collections.abc import Iterator
from typing import Any

import yaml
from rich import box
from rich.console import Console
from rich.table import Table

from mmcrossformer.config.package import CONFIGS, list_configs
from mmcrossformer.utils.errors import UserError


def main() -> None:
    """Parses the command line and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        'words', nargs='*', metavar='WORD', help='list only configs whose row contains all of these words'
    )
    rows = list(find_rows(parser.parse_args().words))
    if not rows:
        raise UserError('no config matches all of these words; `mmcrossformer configs` lists all configs')
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    for head in ('config', 'task', 'data', 'published'):
        table.add_column(head, no_wrap=head == 'config')
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def find_rows(words: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yields name, task, data and published result ('-' if none) of each config that matches all words."""
    models = yaml.safe_load((CONFIGS / 'metafile.yml').read_text())['Models']
    known = {model['Name']: model for model in models}
    for name in list_configs():
        row = (name, *_row(known.get(name, {})))
        if all(word.lower() in ' '.join(row).lower() for word in words):
            yield row


def _row(model: dict[str, Any]) -> tuple[str, str, str]:
    results = model.get('Results', [])
    tasks = ', '.join(dict.fromkeys(result['Task'] for result in results))
    data = model.get('Metadata', {}).get('Training Data', '-')
    figures = (f'{metric} {value}' for result in results for metric, value in result['Metrics'].items())
    return tasks or '-', data, ', '.join(figures) or '-'
