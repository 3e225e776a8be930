"""README and pages: every block of code is run or says why not, names exist, and the site builds."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pages import PAGES, ROOT, blocks_of
from quick import CONFIGS, QUICK, run
from sphinx.cmd.build import build_main

from mmcrossformer import registry
from mmcrossformer.config.read import read_config

MARK = re.compile(r'not run: \S.*|run by (?P<test>tests/[\w/]+\.py)')
PAGES_WITH_BLOCKS = [page for page in PAGES if blocks_of(page)]


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def checkout(tmp_path, quick, digits, monkeypatch):
    """A checkout to run the blocks in, whose trainings on the digits are quick."""
    folder = tmp_path / 'checkout'
    (folder / 'configs').mkdir(parents=True)
    for path in CONFIGS.iterdir():
        (folder / 'configs' / path.name).symlink_to(quick(path.stem) if path.stem in QUICK else path)
    (folder / 'tools').symlink_to(ROOT / 'tools')
    (folder / 'data').mkdir()
    (folder / 'data/digits').symlink_to(digits)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.usefixtures('checkout')
@pytest.mark.parametrize('page', PAGES_WITH_BLOCKS, ids=name_of)
def test_every_block_runs(page):
    names = {}
    for block in blocks_of(page):
        if block.mark is not None:
            continue
        if block.config is not None:
            Path(block.config).write_text(block.code)
            read_config(block.config)
        elif block.language == 'python':
            run_python(block, names)
        elif block.language == 'sh':
            run_commands(block)
        else:
            pytest.fail(f'{name_of(page)}, line {block.line}: nothing runs {block.language}; use sh or mark it')


@pytest.mark.parametrize('page', PAGES_WITH_BLOCKS, ids=name_of)
def test_marks_tell_a_reason(page):
    for block in blocks_of(page):
        if block.mark is not None:
            mark = MARK.fullmatch(block.mark)
            assert mark, f'line {block.line}: {block.mark}'
            assert mark['test'] is None or (ROOT / mark['test']).is_file(), block.mark


def run_python(block, names):
    """Runs a block in the names of its page. What a line gives must be what stands behind its `#`."""
    source = '\n' * (block.line - 1) + block.code
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), block.page, 'eval'), names)
            _, sharp, told = lines[node.end_lineno - 1][node.end_col_offset :].partition('#')
            assert not sharp or repr(value) == told.strip()
        else:
            exec(compile(ast.Module([node], []), block.page, 'exec'), names)


def run_commands(block):
    """Runs the commands that a block calls; a shell splits its lines into words."""
    for line in block.code.replace('\\\n', ' ').splitlines():
        words = subprocess.run(['bash', '-c', f'printf "%s\\0" {line}'], capture_output=True, text=True, check=True)
        program, *arguments = words.stdout.split('\0')[:-1]
        assert program == 'mmcrossformer', f'line {block.line}: nothing runs {program}; mark the block'
        result = run(*arguments)
        assert result.returncode == 0, f'line {block.line}: {result.stderr[-3000:]}'


def test_a_wrong_page_fails(tmp_path):
    """What the tests above would say of it."""
    page = tmp_path / 'page.md'
    page.write_text(
        '```python\nx = 1\n```\n\n<!-- not run: -->\n```sh\nmake\n```\n'
        '```python\nx + 1  # 3\n```\n```sh\nrm -r x\n```\n```text\nx\n```\n'
    )
    first, marked, wrong, unknown = blocks_of(page)
    assert [block.line for block in (first, marked, wrong, unknown)] == [2, 7, 10, 13]
    assert marked.mark == 'not run:'
    assert not MARK.fullmatch(marked.mark)
    names = {}
    run_python(first, names)
    with pytest.raises(AssertionError):
        run_python(wrong, names)
    with pytest.raises(AssertionError, match='nothing runs rm'):
        run_commands(unknown)


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_registered_names_exist(page):
    registries = [value for value in vars(registry).values() if isinstance(value, registry.Registry)]
    for name in set(re.findall(r"type='?(mmcrossformer\.\w+)'", page.read_text())):
        assert any(known.get(name) for known in registries), name


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_files_that_pages_name_exist(page):
    text = page.read_text()
    named = set(re.findall(r'(?<![\w/])(?:configs|docs|tools|tests|\.dev_scripts)/[\w./-]+\.(?:py|sh|png|md)', text))
    named |= set(re.findall(r'\b(?:[a-z0-9_]+_)?crossformer(?:pp)?_\w+\.py', text))
    assert named or page.name != 'README.md'
    for name in named:
        assert (ROOT / name).is_file() or (ROOT / 'configs' / name).is_file(), name
    for link in re.findall(r'\]\((?!https?:)([^)#]+)', text):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_tests_that_pages_name_exist(page):
    """In backticks, as names of functions."""
    known = ''.join(path.read_text() for path in (ROOT / 'tests').rglob('test_*.py'))
    for name in set(re.findall(r'`(test_\w+)`', page.read_text())):
        assert f'def {name}(' in known, name


def build_site(root, folder):
    """Builds a checkout's pages as `make docs` does, in this process: it has imported what API pages document."""
    strictly = ['--fail-on-warning', '--keep-going', '--quiet']
    return build_main([*strictly, '-c', f'{root}/docs', '-d', f'{folder}/read', str(root), f'{folder}/site'])


def test_site(tmp_path, capsys):
    """Without a warning: links lead somewhere, docstrings can be read, every page is in the navigation."""
    assert build_site(ROOT, tmp_path) == 0, capsys.readouterr().err
    site = tmp_path / 'site'
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob('*.html')}
    assert 'url=docs/index.html' in pages['index.html']
    assert 'Where to go' in pages['docs/index.html']
    assert 'configs/mask_rcnn_crossformer_s_coco.html' in pages['docs/model_zoo.html']
    assert '_base_' in pages['configs/mask_rcnn_crossformer_s_coco.html']
    assert 'mmcrossformer.CrossFormer.get_layer_depth' in pages['docs/api/backbone.html']
    for name, text in pages.items():
        elsewhere = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="?((?:https?:)?//[^" >]+)', text)
        assert not elsewhere, f'{name} loads {elsewhere}'


def test_a_wrong_site_fails(tmp_path, monkeypatch, capsys):
    docs = tmp_path / 'docs'
    docs.mkdir()
    shutil.copy(ROOT / 'docs/conf.py', docs)
    shutil.copytree(ROOT / 'docs/root', docs / 'root')
    (docs / 'index.md').write_text(
        '# Home\n\n[no page](gone.md) [no anchor](page.md#gone) [no file](../gone.py) [no page](../unlisted.py)\n\n'
        '![](gone.png)\n\n[A page](page.md#part) and [a file](../configs/x.py).\n\n```{toctree}\npage\n```\n\n'
        '```{eval-rst}\n.. autofunction:: wrong_docstring.scale\n```\n'
    )
    (docs / 'page.md').write_text('# Page\n\n## Part\n')
    (docs / 'alone.md').write_text('# Not in the navigation\n')
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'configs/x.py').write_text('x = 1\n')
    (tmp_path / 'unlisted.py').write_text('')
    (tmp_path / 'wrong_docstring.py').write_text(
        'def scale(x: float) -> float:\n    """Scales.\n\n    Args:\n        y: No such parameter.\n    """\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert build_site(tmp_path, tmp_path) == 1
    warnings = [line for line in capsys.readouterr().err.splitlines() if 'WARNING' in line]
    expected = ("'gone.md'", "'gone'", "'../gone.py'", "'unlisted'", 'gone.png', 'alone.md', 'wrong_docstring.scale')
    assert len(warnings) == len(expected), warnings
    for part in expected:
        assert any(part in line for line in warnings), part
    assert 'configs/x.py' in (tmp_path / 'site/configs/x.html').read_text()
