"""Sphinx's settings for the book: nothing is executed, and a page asks for nothing outside its folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "Sending mail properly"
language = "en"
highlight_language = "none"  # a block that names no language is a record, a log or a message
# A lesson may leave a level of headings out, or name a language in a block that Pygments does not know.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
extensions = ["myst_nb", "sphinx.ext.autodoc", "folds"]

nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # no lesson uses widgets, whose script would come from outside
myst_enable_extensions = ["attrs_block", "attrs_inline", "deflist"]

autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["static"]
html_css_files = ["edition.css"]
html_js_files = ["edition.js"]
html_theme_options = {
    "use_download_button": False,  # the lessons themselves are in notebooks/, unfolded
    "footer_content_items": [],
    "show_toc_level": 2,
    "toc_title": "On this page",
    **{f"navbar_{place}": [] for place in ("start", "center", "end", "persistent")},  # a second field to search in
}
html_copy_source = False
html_show_copyright = False
html_use_index = False
html_domain_indices = False
