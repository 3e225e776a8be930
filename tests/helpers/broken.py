"""A data set with images that cannot be read. It imports little, for workers that start anew."""

from types import SimpleNamespace


class LoadImageNumber:
    """Stands in for a step that reads an image, by its name as well."""

    def __init__(self, broken):
        self.broken = broken

    def __call__(self, results):
        if results['img_path'] in self.broken:
            raise OSError('no picture')
        return results


class SomeBroken:
    """Numbers; where a number cannot be read, the next one that can takes its place."""

    def __init__(self, length, broken):
        self.length = length
        self.pipeline = SimpleNamespace(transforms=[LoadImageNumber(broken)])

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        (step,) = self.pipeline.transforms
        found = step(dict(img_path=index))
        return index if found is not None else self[(index + 1) % self.length]
