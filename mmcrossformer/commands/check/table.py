"""Draws the balance of classes as a table."""

from rich.table import Table

from mmcrossformer.engine.check import ClassTable


def draw_table(content: ClassTable) -> Table:
    """Draws a table for the terminal."""
    table = Table(title=content.title, caption=content.caption or None)
    for number, column in enumerate(content.columns):
        table.add_column(column, justify='right' if number else 'left')
    for row in content.rows:
        table.add_row(*row)
    if content.hidden:
        table.add_row(f'and {content.hidden} more')
    return table
