"""HTML pages from templates of the package."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(package: str, **content: Any) -> str:
    """Renders `page.html` of a package; texts are escaped, and a name that is not given is an error.

    Args:
        package: Name of the package that has the template, such as 'mmcrossformer.apis.report'.
        **content: Names of the template.
    """
    environment = Environment(
        loader=PackageLoader(package, '.'),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template('page.html').render(**content)
