"""A web service: POST starts a crawl, server-sent events tell how it gets on, DELETE cancels it.

Run it: ``python examples/web_service.py`` (``pip install hypercorn``), and open the address that it prints.
SIGTERM and Ctrl-C stop its crawls; started again, it goes on with a URL where that was left.
"""

from __future__ import annotations

import json
import signal
from functools import partial
from hashlib import sha256
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

import trio_crawl
from trio_crawl.testing import MemoryWeb, serving

PAGE = """<!doctype html><title>Crawls</title><pre id=log></pre><button id=cancel>Cancel</button>
<form><input name=url size=50 value="%s"><button>Crawl</button></form><script>
let crawl; cancel.onclick = () => fetch(crawl, {method: "DELETE"})
document.forms[0].onsubmit = async event => {
  event.preventDefault()
  const answer = await fetch("/crawls", {method: "POST", body: JSON.stringify({url: event.target.url.value})})
  if (!answer.ok) return log.textContent = await answer.text()
  const events = new EventSource((crawl = answer.headers.get("Location")) + "/events")
  events.onmessage = message => { log.textContent = message.data }
  events.addEventListener("end", () => events.close())
}</script>"""


class Job:
    """One crawl; to the crawl it is a task status, which is told that it began."""

    def __init__(self, url: str) -> None:
        self.url, self.state, self.ready, self.ended = url, "running", trio.Event(), trio.Event()
        self.control: Any = None

    def started(self, control: Any = None) -> None:  # noqa: ANN401, D102 - as trio has it
        self.control = control
        self.ready.set()

    async def run(self) -> None:  # noqa: D102 - an error ends this crawl, and not the service
        name = sha256(self.url.encode()).hexdigest()[:12]  # the same URL goes on with the same state
        options: Any = {"delay": 0.05, "per_host": 1, "allow_private": True, "task_status": self}
        try:
            report = await trio_crawl.crawl(self.url, state=f"{name}.db", write=f"{name}.tsv", **options)
            self.state = report.ended
        except Exception as error:  # noqa: BLE001 - told to whoever asks
            self.state = f"failed: {error}"
        self.ready.set()
        self.ended.set()

    def __str__(self) -> str:
        numbers = self.control.statistics() if self.control else trio_crawl.Statistics()
        return json.dumps({"state": self.state, "pages": numbers.pages, "pending": numbers.pending})


async def service(nursery: Any, jobs: Any, page: str, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401, PLR0913, PLR0917
    """Answer one request; *nursery* is where the crawls run, *jobs* has them by their path."""
    while scope["type"] == "lifespan":
        await send({"type": f"{(await receive())['type']}.complete"})
    job = jobs.get(scope["path"].removesuffix("/events"))
    match scope["method"], scope["path"].rpartition("/")[2], job:
        case "GET", "", _:
            await answer(send, 200, page, "text/html")
        case "POST", "crawls", _:
            job = Job(json.loads((await receive())["body"])["url"])
            nursery.start_soon(job.run)
            await job.ready.wait()
            place = f"/crawls/{len(jobs)}"
            jobs |= {place: job} if job.control else {}
            await answer(send, 201 if job.control else 400, str(job), place=place)
        case "GET", "events", Job():
            await tell(job, receive, send)
        case "DELETE", _, Job():
            job.control.cancel("DELETE")
            await job.ended.wait()
            await answer(send, 200, str(job))
        case _:
            await answer(send, 404, "there is no such thing")


async def answer(send: Any, status: int, body: str, kind: str = "text/json", place: str = "/") -> None:  # noqa: ANN401, D103
    headers = [(b"Content-Type", kind.encode()), (b"Location", place.encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode(), "more_body": "event" in kind})


async def tell(job: Job, receive: Any, send: Any) -> None:  # noqa: ANN401, D103 - until nobody listens
    await answer(send, 200, f"data: {job}\n\n", "text/event-stream")
    while not job.ended.is_set():
        with trio.move_on_after(0.2):
            if (await receive())["type"] == "http.disconnect":
                return
        await send({"type": "http.response.body", "body": f"data: {job}\n\n".encode(), "more_body": True})
    await send({"type": "http.response.body", "body": b"event: end\ndata: \n\n"})


async def main() -> None:
    """Serve a site to try it on, and the service, until a signal comes."""
    web, config, jobs = MemoryWeb(), Config(), dict[str, Job]()
    config.bind, config.loglevel = ["127.0.0.1:0"], "WARNING"
    for number in range(1000):
        web.links(f"http://site.test/{number or ''}", [f"/{number + 1}"])
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with serving(web, origin="http://site.test") as site, trio.open_nursery() as crawls:
            app = partial(service, crawls, jobs, PAGE % f"{site}/")
            async with trio.open_nursery() as servers:
                server = partial(serve, app, config, shutdown_trigger=partial(anext, signals))
                print("serving on", *await servers.start(server), flush=True)
            for job in jobs.values():
                job.control.stop()  # what is in flight is finished; the rest is in the state


if __name__ == "__main__":
    trio.run(main)
