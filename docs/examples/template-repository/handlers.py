"""Two pages more: /hub/about and /hub/faq, open to who has not logged in.

The hub runs this file after its own settings; `c` is its configuration.
"""

from jupyterhub.handlers.base import BaseHandler


class Page(BaseHandler):
    """A page of the template repository that needs nothing but itself."""

    def initialize(self, page):
        self.page = page

    async def get(self):
        self.finish(await self.render_template(self.page))


c.JupyterHub.extra_handlers = [  # noqa: F821
    (r"/about", Page, {"page": "about.html"}),
    (r"/faq", Page, {"page": "faq.html"}),
]
