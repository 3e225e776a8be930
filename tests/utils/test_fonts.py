"""Names in any script in pictures and figures, with fonts that have them and without."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager
from matplotlib.text import Text
from PIL import Image

from mmcrossformer.apis.draw import draw_prediction
from mmcrossformer.apis.prediction import Prediction
from mmcrossformer.utils import figures, labels
from mmcrossformer.utils.curves import Curves, plot_curves
from mmcrossformer.utils.figures import write_figure
from mmcrossformer.utils.fonts import DEFAULT, describe_missing, installed_fonts
from mmcrossformer.utils.labels import class_labels, legend_label, shorten
from mmcrossformer.visual import draw_predictions

# Of scripts that no font here has. The font of the tests has the first.
CAT, TIGER, HINDI, THAI = '猫', '虎', 'बाघ', 'แมว'
FAMILY = 'Blocks of mmcrossformer'
STRANGE = ['$x$', r'$\frac', 'a_b^c', '100 %d %s', '<b>&"\'', 'two\nlines\t', 'x' * 200, '_first', '', '\x00', '\ud800']
COLORS = [(255, 0, 0)] * len(STRANGE)
IMAGE = np.full((120, 300, 3), 90, np.uint8)


@pytest.fixture(scope='module')
def font_file(tmp_path_factory):
    """A font of one character, a block as high as a line."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((1000, 0), (1000, 800), (0, 800)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(['.notdef', 'block'])
    builder.setupCharacterMap({ord(CAT): 'block'})
    builder.setupGlyf({'.notdef': TTGlyphPen(None).glyph(), 'block': pen.glyph()})
    builder.setupHorizontalMetrics({'.notdef': (1000, 0), 'block': (1000, 0)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable(dict(familyName=FAMILY, styleName='Regular'))
    builder.setupOS2(sTypoAscender=800)
    builder.setupPost()
    path = tmp_path_factory.mktemp('fonts') / 'blocks.ttf'
    builder.save(path)
    return str(path)


@pytest.fixture(autouse=True)
def only_default(monkeypatch):
    """Whatever is installed here, only the font of matplotlib is."""
    monkeypatch.setattr(fontManager, 'ttflist', [entry for entry in fontManager.ttflist if entry.name == DEFAULT])


@pytest.fixture
def installed(font_file, monkeypatch):
    """Installs the font of the tests."""
    monkeypatch.setattr(fontManager, 'ttflist', [*fontManager.ttflist, FontEntry(font_file, name=FAMILY)])


@pytest.fixture
def remarks(monkeypatch):
    """What is logged about fonts."""
    logged = []
    for module in (figures, labels):
        monkeypatch.setattr(module, 'print_log', lambda message, *_: logged.append(message))
    return logged


def found(task, number):
    """A prediction of each class."""
    places, scores = np.arange(number), np.linspace(0.9, 0.5, number)
    if task == 'segmentation':
        segments = np.arange(IMAGE.shape[1]) * number // IMAGE.shape[1]
        return Prediction(task, IMAGE.shape[:2], 0.0, segments=np.tile(segments, (IMAGE.shape[0], 1)))
    boxes = np.tile([10.0, 10, 290, 110], (number, 1)) if task == 'detection' else None
    return Prediction(task, IMAGE.shape[:2], 0.0, places, scores, boxes=boxes)


def draw_class(name):
    return draw_prediction(IMAGE, found('detection', 1), [name], [(0, 0, 0)])


def test_the_font_that_has_the_characters(installed, remarks):
    block = (draw_class(f'a {CAT} b') == 255).all(-1)
    columns = np.flatnonzero(block.sum(0) >= 6)  # letters have no such strokes one beside the other
    assert len(columns) >= 7
    assert not remarks
    assert installed_fonts().families(f'a {CAT}') == [DEFAULT, FAMILY]
    assert [part for part, _ in installed_fonts().split(f'a {CAT} b')] == ['a ', f'{CAT} ', 'b']


@pytest.mark.parametrize('name', [CAT, f'cat {CAT}', HINDI, THAI])
def test_by_number_without_a_font(name, remarks):
    assert (draw_class(name) == draw_class('class 0')).all()
    assert not (draw_class(name) == draw_class('class 1')).all()
    assert len({*remarks}) == 1  # which the log has once


def test_the_remark_names_scripts_and_packages(installed, remarks):
    classes = ['dog', CAT, TIGER, HINDI, '🦊']
    assert class_labels(classes, [0, 1, 2, 3, 4, 5]) == ['dog', CAT, 'class 2', 'class 3', 'class 4', 'class 5']
    (remark,) = {*remarks}
    for words in (f'CJK: {TIGER}', 'Devanagari: ब', 'symbols: ', 'fonts-noto-cjk fonts-noto-core fonts-symbola'):
        assert words in remark
    assert 'Thai: แมว' in describe_missing(THAI)


@pytest.mark.parametrize('task', ['detection', 'segmentation', 'classification'])
def test_strange_names(task, remarks, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter('error')  # of matplotlib: a missing glyph, no place for axes
        for start in range(0, len(STRANGE), 5):
            names = STRANGE[start : start + 5]
            prediction = found(task, len(names))
            drawn = draw_prediction(IMAGE, prediction, names, COLORS)
            assert drawn.shape == IMAGE.shape
            figure = draw_predictions(IMAGE, prediction, names)
            write_figure(tmp_path / 'figure.png', figure)
            if task != 'detection':
                texts = [text.get_text() for text in figure.findobj(Text)]
                for label, name in enumerate(names):
                    wanted = class_labels(names, [label])[0]
                    assert [text for text in texts if text.strip().startswith(wanted)], name


def test_cut_to_the_width_of_a_picture():
    narrow, box = np.full((60, 80, 3), 90, np.uint8), np.array([[60.0, 50, 79, 59]])
    prediction = Prediction('detection', (60, 80), 0.0, np.array([0]), np.array([0.9]), boxes=box)
    label = draw_prediction(narrow, prediction, ['x' * 200], [(255, 0, 0)])[-14:]
    edge, ink = (label[0] == (255, 0, 0)).all(-1), (label[..., 1] > 100).any(0)  # letters are white on red
    assert edge[-72:].all()  # a letter less than the picture is wide
    assert ink[-72:-60].any()
    assert ink[-8:-1].any()  # the last digit
    assert not ink[-1]
    assert shorten('x' * 200) == 'x' * 39 + '…'


def test_boxes_that_are_none():
    boxes = np.array([[np.nan, 0, 10, 10], [-1e30, -5, 1e30, np.inf], [50, 50, 40, 40]])
    prediction = Prediction('detection', IMAGE.shape[:2], 0.0, np.zeros(3, int), np.full(3, 0.5), boxes=boxes)
    assert draw_prediction(IMAGE, prediction, ['a'], COLORS).shape == IMAGE.shape


def test_formulas_remain_at_axes_alone(tmp_path, installed, remarks):
    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2], [1e-9, 1e9], label=legend_label(f'_{CAT} $x$ {TIGER}'))
    axes.set(yscale='log', title=r'$\frac')
    axes.legend()
    write_figure(tmp_path / 'figure.png', figure)
    (entry,) = axes.get_legend().get_texts()
    assert entry.get_text() == f' _{CAT} $x$ ?'
    assert FAMILY in entry.get_fontfamily()
    assert (entry.get_parse_math(), axes.title.get_parse_math()) == (False, False)
    assert all(label.get_parse_math() for label in axes.get_yticklabels())
    assert len(remarks) == 1


def test_curves_of_a_metric_for_each_class(tmp_path, remarks):
    metrics = {f'{name}/AP $': [(1, 0.5)] for name in STRANGE[:-1]}
    plot_curves(Curves(losses={'loss': [(1, 1.0)]}, metrics=metrics), tmp_path / 'curves.png', title=r'$\frac')
    Image.open(tmp_path / 'curves.png').load()
