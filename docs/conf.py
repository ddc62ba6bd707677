"""Sphinx builds the administrators' documentation by this: `make docs`."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "calendar-tui"
version = release = metadata.version("calendar-tui")
extensions = ["manual_page", "myst_parser"]
exclude_patterns = ["decisions"]  # for contributors
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"calendar-tui {release}"
html_static_path = ["static"]
html_css_files = ["manual.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
