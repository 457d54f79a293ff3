"""Links that show a job to whoever has them."""

from __future__ import annotations

from mastering.client.transport import API, Calls
from mastering.client.values import JobLike, Link, id_of

__all__ = ["ShareCalls"]


class ShareCalls(Calls):
    """What can be asked about links."""

    def share(self, job: JobLike) -> Link:
        """A link that shows a job, and lets nobody change it."""
        made = self._transport.json("POST", "/shares", json={"job": id_of(job)})
        url = str(self._transport.http.base_url.join(made["url"]))
        return Link(url=url, token=made["token"], expires_at=made["expires_at"])

    def unshare(self, link: Link | str) -> None:
        """End a link; it, its address, or its token."""
        token = link.token if isinstance(link, Link) else link.rstrip("/").rpartition("/")[2]
        self._transport.ask("DELETE", f"{API}/shares/{token}")
