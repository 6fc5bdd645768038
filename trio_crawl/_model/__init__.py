"""The values that travel through a crawl: frozen, and safe to keep or to send on.

Times are seconds as `float`, sizes are bytes as `int`, moments are aware
`datetime` values in UTC, URLs are `str` as the URL standard serialises them.
"""

from .exchange import (
    Exchange as Exchange,
    Headers as Headers,
    Hop as Hop,
    Request as Request,
    Response as Response,
)
from .outcome import (
    Failure as Failure,
    Outcome as Outcome,
    Parse as Parse,
    Parsed as Parsed,
    Skip as Skip,
)
from .page import Document as Document, Link as Link, Page as Page
from .report import InFlight as InFlight, Report as Report, Statistics as Statistics
from .words import (
    Ended as Ended,
    FailureKind as FailureKind,
    Json as Json,
    Kinds as Kinds,
    LinkKind as LinkKind,
    SkipReason as SkipReason,
)
